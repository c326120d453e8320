"""``pyuniform embed``."""

from __future__ import annotations

import re
import time
from pathlib import Path

import click

from pyuniform.cli.help import Command
from pyuniform.embed.run import FORMATS, UNKNOWN, embed_file
from pyuniform.embed.texts import PRESETS

_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\"}


@click.command(cls=Command)
@click.argument("records", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help=f"File to write the embeddings to ({', '.join(FORMATS)}).",
)
@click.option(
    "--model",
    help="`tfidf` fits TF-IDF and truncated SVD to these texts, without a download; `tfidf:PATH` "
    "uses a saved model. `vectors:PATH` averages the word vectors of a file of word2vec, GloVe or "
    "gensim. Anything else is the path or hub name of a sentence-transformers model.",
)
@click.option(
    "--like",
    type=click.Path(path_type=Path),
    help="Instead of --model and --text: a .parquet file that this command wrote. Its model, text, "
    "prompt and scaling are used.",
)
@click.option(
    "--save-model",
    type=click.Path(path_type=Path),
    help="File to save a fitted tfidf model to (.npz), for --like and `tfidf:PATH`.",
)
@click.option(
    "--text",
    help='Text of a record: a field; a template such as "{instruction}\\n{output}", where \\n is '
    f"a new line and {{{{ a brace; or a preset: {', '.join(PRESETS)}.",
)
@click.option("--id-field", help="Field of the record ids; they become the column `id`.")
@click.option("--normalize", is_flag=True, help="Scale each embedding to length 1.")
@click.option(
    "--unknown",
    type=click.Choice(UNKNOWN),
    default="error",
    show_default=True,
    help="How to treat texts without a word that the model knows: stop with an error, use the mean "
    "of the other rows, use zeros (which --metric cosine refuses), or drop them.",
)
@click.option(
    "--list-unknown",
    type=click.Path(path_type=Path),
    help="File to list such texts in (.txt): their ids, or record numbers without ids, one a line. "
    "`pyuniform select --exclude` reads it.",
)
@click.option(
    "--batch-size", type=int, help="Batch size of a sentence-transformers model.  [default: 32]"
)
@click.option(
    "--device", help="Device of such a model: cpu, cuda, cuda:1.  [default: its own choice]"
)
@click.option("--prompt", help="Name of a prompt of such a model.")
@click.option(
    "--dim", type=int, help="Dimensions of tfidf embeddings.  [default: 256, or all there are]"
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def embed(
    records: Path,
    output: Path,
    model: str | None,
    like: Path | None,
    save_model: Path | None,
    text: str | None,
    id_field: str | None,
    normalize: bool,
    unknown: str,
    list_unknown: Path | None,
    batch_size: int | None,
    device: str | None,
    prompt: str | None,
    dim: int | None,
    quiet: bool,
) -> None:
    """Turn RECORDS into embeddings, a row each, in their order.

    --model and --text say how, or --like.

    RECORDS is a .jsonl or .parquet file, or a folder by save_to_disk of datasets.

    A run that was interrupted goes on from OUTPUT.partial when it is started again, except for
    tfidf, which begins anew.
    """
    if like is None and (model is None or text is None):
        raise click.UsageError("give --model and --text, or --like")
    began = time.monotonic()
    n, d = embed_file(
        records,
        output,
        model=model,
        text=None if text is None else unescaped(text),
        like=like,
        save_model=save_model,
        id_field=id_field,
        batch_size=batch_size,
        device=device,
        prompt=prompt,
        dim=dim,
        normalize=normalize,
        unknown=unknown,
        list_unknown=list_unknown,
        progress=not quiet,
    )
    if not quiet:
        seconds = time.monotonic() - began
        click.echo(f"{n} texts, {d} values each, in {seconds:.2f} s; written to {output}", err=True)


def unescaped(text: str) -> str:
    r"""The template with ``\n`` and ``\t`` as characters, which shells do not make of them."""
    if "{" not in text:
        return text
    return re.sub(r"\\[nt\\]", lambda found: _ESCAPES[found[0]], text)
