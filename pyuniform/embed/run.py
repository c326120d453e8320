"""Embeddings of records: texts in, rows out, in the order of the records."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform._common.files import check_apart, check_writable, written_whole
from pyuniform._common.progress import shown_texts
from pyuniform._common.version import __version__
from pyuniform.embed.models import Embedder, Options, open_embedder
from pyuniform.embed.partial import PartialRows, opened_partial, temporary_rows
from pyuniform.embed.texts import Facts, Texts
from pyuniform.selection.files import PARQUET_KEY, encoded

FORMATS = (".parquet", ".npy")
UNKNOWN = ("error", "mean", "zero")
# Of a row group.
GROUP_BYTES = 1 << 25

Progress = Callable[[int, int], None]


def embed(
    records: Any,
    *,
    model: str,
    text: str,
    batch_size: int | None = None,
    device: str | None = None,
    prompt: str | None = None,
    dim: int | None = None,
    normalize: bool = False,
    unknown: str = "error",
    progress: bool | Progress = False,
) -> NDArray[np.float32]:
    """The embeddings of records, for `pyuniform.select`.

    Parameters
    ----------
    records : path or list of dict
        A .jsonl or .parquet file, a folder by ``save_to_disk`` of Hugging Face datasets, or the
        records themselves. They are read more than once.
    model : str
        ``"tfidf"``: TF-IDF of these texts and truncated SVD, by scikit-learn. ``"vectors:PATH"``:
        means of the word vectors in a file of word2vec, GloVe or gensim. All else is the path or
        hub name of a sentence-transformers model.
    text : str
        What of a record is embedded: the name of a field; a template, ``"{question} {answer}"``,
        filled with top-level fields; ``"alpaca"``: instruction, input unless empty, and output;
        ``"conversations"``: what is said in the turns of ``messages`` or ``conversations``.
    batch_size : int, optional
        Texts that go through a sentence-transformers model at a time, 32 by default.
    device : str, optional
        For such a model, as torch names it; by default the library chooses.
    prompt : str, optional
        The name of one of its prompts.
    dim : int, optional
        Values of a row of ``"tfidf"``; by default 256, or as many as there are words or texts.
    normalize : bool
        Whether rows are scaled to length 1.
    unknown : {"error", "mean", "zero"}
        What becomes of a text of which the model knows nothing: an error that counts them, the mean
        of all other rows, or zeros, which no cosine can be taken of.
    progress : bool or callable
        True shows it on standard error; a callable is called with texts done and all texts.

    Returns
    -------
    ndarray of float32, shape (N, d)
        Row i is that of record i.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind, or no option of this model; a record that
        is none or has no such text; a library that is missing; unknown texts.
    OSError
        A file cannot be read.
    """
    job = _prepared(records, text, None, model, Options(batch_size, device, prompt, dim), unknown)
    known = _Known(normalize)
    made: list[NDArray[np.float32]] = []
    with shown_texts(progress, job.facts.n) as show:
        for rows in _made(job, 0, show):
            known.see(rows)
            made.append(rows)
    return np.concatenate(list(_finished(made, known, unknown, job)))


def embed_file(
    records: Any,
    output: str | os.PathLike[str],
    *,
    model: str,
    text: str,
    id_field: str | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    prompt: str | None = None,
    dim: int | None = None,
    normalize: bool = False,
    unknown: str = "error",
    progress: bool | Progress = False,
) -> tuple[int, int]:
    """Writes the embeddings of records to a file, whole or not at all.

    Memory does not grow with the texts, but for ids, and for what a model keeps: TF-IDF has its
    sparse matrix in memory, and a few dense ones of N × dim while it is fitted.

    A run that ends early leaves its rows in ``<output>.partial``, and the same call goes on from
    there: with the same rows as without an interruption, on a machine of the same kind. It is
    refused if texts, model or options differ. Nothing is kept of TF-IDF, whose rows cost little
    beside the fit.

    Parameters
    ----------
    records, model, text, batch_size, device, prompt, dim, normalize, unknown, progress
        As for `embed`.
    output : path
        ``.parquet``: columns ``embedding``, fixed_size_list<float32>, and ``id`` with `id_field`;
        model, template and version in the metadata. ``.npy``: the rows alone.
    id_field : str, optional
        The field with the records' ids, integers or strings.

    Returns
    -------
    tuple of int
        (N, d).

    Raises
    ------
    ValueError, TypeError, OSError
        As for `embed`; another suffix; ids for an .npy file; a partial file of another run; a file
        cannot be written.
    """
    output = Path(output)
    if output.suffix not in FORMATS:
        raise ValueError(f"{output} must end in one of {', '.join(FORMATS)}")
    if id_field is not None and output.suffix == ".npy":
        raise ValueError(f"{output} has no place for ids: leave id_field out, or write .parquet")
    partial = output.with_name(output.name + ".partial")
    read = [records] if isinstance(records, (str, os.PathLike)) else []
    check_apart([output, partial], read)
    check_writable(output)
    options = Options(batch_size, device, prompt, dim)
    job = _prepared(records, text, id_field, model, options, unknown)
    known = _Known(normalize)
    with _kept(job, partial) as store:
        for rows in store.chunks():
            known.see(rows)
        with shown_texts(progress, job.facts.n, store.done) as show:
            for rows in _made(job, store.done, show):
                known.see(rows)
                store.append(rows)
        finished = _finished(store.chunks(), known, unknown, job)
        with written_whole(output) as out:
            if output.suffix == ".npy":
                _write_npy(out, finished, job)
            else:
                record = {"text": text, "normalize": normalize, "unknown_texts": known.zeros}
                _write_parquet(out, finished, job, record)
    return job.facts.n, job.embedder.dim


class _Job(NamedTuple):
    """What is embedded, by what."""

    texts: Texts
    facts: Facts
    embedder: Embedder
    run: dict[str, Any]


def _prepared(
    records: Any, text: str, id_field: str | None, model: str, options: Options, unknown: str
) -> _Job:
    """Everything checked, all records read once, and the model ready."""
    if unknown not in UNKNOWN:
        raise ValueError(f"unknown must be one of {', '.join(UNKNOWN)}, got {unknown!r}")
    texts = Texts(records, text, id_field)
    embedder = open_embedder(model, options)
    facts = texts.facts()
    embedder.fit(texts, texts.name)
    run = {"text": text, "records": facts.n, "digest of the texts": facts.digest}
    return _Job(texts, facts, embedder, run | embedder.settings)


def _kept(job: _Job, path: Path) -> AbstractContextManager[PartialRows]:
    shape = job.facts.n, job.embedder.dim, job.embedder.chunk
    if job.embedder.resumable:
        return opened_partial(path, job.run, *shape)
    return temporary_rows(path.parent, *shape)


def _made(job: _Job, done: int, show: Progress) -> Iterator[NDArray[np.float32]]:
    """The rows from `done` on, chunk by chunk."""
    for begin, texts in job.texts.chunks(job.embedder.chunk, job.facts):
        if begin < done:
            continue
        rows = job.embedder.encode(texts)
        wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(wrong):
            raise ValueError(
                f"{job.embedder.settings['model']} gave NaN or infinity for record "
                f"{begin + wrong[0]} of {job.texts.name}"
            )
        yield rows
        show(begin + len(rows), job.facts.n)


class _Known:
    """What is known of rows that were seen in order: how many are zero, and the others' mean."""

    def __init__(self, normalize: bool) -> None:
        self.normalize = normalize
        self.count = self.zeros = 0
        self.first_zero = -1
        self._sum: NDArray[np.float64] | float = 0.0

    def see(self, rows: NDArray[np.float32]) -> None:
        zero = ~rows.any(axis=1)
        if zero.any() and not self.zeros:
            self.first_zero = self.count + int(zero.argmax())
        self.count += len(rows)
        self.zeros += int(zero.sum())
        self._sum = self._sum + self.scaled(rows).sum(axis=0, dtype=np.float64)

    def scaled(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The rows, at length 1 if that is wanted; rows of zeros stay."""
        if not self.normalize:
            return rows
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    def mean(self) -> NDArray[np.float32]:
        mean = np.asarray(self._sum) / (self.count - self.zeros)
        return self.scaled(mean[None].astype(np.float32))


def _finished(
    chunks: Iterable[NDArray[np.float32]], known: _Known, unknown: str, job: _Job
) -> Iterator[NDArray[np.float32]]:
    """The rows as they are wanted, texts that are unknown included."""
    if known.zeros and unknown == "error":
        raise ValueError(
            f"{known.zeros} of {known.count} texts of {job.texts.name} have nothing that "
            f"{job.embedder.settings['model']} knows, first that of record {known.first_zero}: "
            "leave them out, or set unknown to mean or zero"
        )
    if known.zeros == known.count and unknown == "mean":
        raise ValueError(f"{job.embedder.settings['model']} knows nothing of any text: no mean")
    for rows in chunks:
        rows = known.scaled(rows)
        if known.zeros and unknown == "mean":
            rows = np.where(rows.any(axis=1, keepdims=True), rows, known.mean())
        yield rows


def _write_npy(out: BinaryIO, chunks: Iterable[NDArray[np.float32]], job: _Job) -> None:
    shape = (job.facts.n, job.embedder.dim)
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)
    for rows in chunks:
        out.write(np.ascontiguousarray(rows, "<f4").data)


def _write_parquet(
    out: BinaryIO, chunks: Iterable[NDArray[np.float32]], job: _Job, record: dict[str, Any]
) -> None:
    dim, ids = job.embedder.dim, None if job.facts.ids is None else pa.array(job.facts.ids)
    fields = [("embedding", pa.list_(pa.float32(), dim))]
    if ids is not None:
        fields.insert(0, ("id", ids.type))
    record = {"version": __version__, "dim": dim} | record | job.embedder.settings
    schema = pa.schema(fields, metadata={PARQUET_KEY: encoded({"embed": record})})
    begin = 0
    with pq.ParquetWriter(out, schema) as writer:
        for rows in _grouped(chunks, max(1, GROUP_BYTES // (4 * dim))):
            values = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), dim)
            columns = [values] if ids is None else [ids.slice(begin, len(rows)), values]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            begin += len(rows)


def _grouped(chunks: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Chunks put together until they have so many rows."""
    pieces: list[NDArray[np.float32]] = []
    for rows in chunks:
        pieces.append(rows)
        if sum(map(len, pieces)) >= size:
            yield np.concatenate(pieces)
            pieces = []
    if pieces:
        yield np.concatenate(pieces)
