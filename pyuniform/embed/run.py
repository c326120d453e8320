"""Embeddings of records: texts in, rows out, in the order of the records."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import check_apart, check_writable, written_whole
from pyuniform._common.progress import shown_texts
from pyuniform.embed.like import Asked, asked_for
from pyuniform.embed.models import TFIDF, Embedder, Options, TfidfEmbedder, open_embedder
from pyuniform.embed.models.saved import SUFFIX
from pyuniform.embed.output import saved_beside, write_npy, write_parquet
from pyuniform.embed.partial import PartialRows, opened_partial, temporary_rows
from pyuniform.embed.texts import Facts, Texts

FORMATS = (".parquet", ".npy")
UNKNOWN = ("error", "mean", "zero", "drop")
# Of unknown texts so many are named.
NAMED = 5

Progress = Callable[[int, int], None]


def embed(
    records: Any,
    *,
    model: str | None = None,
    text: str | None = None,
    like: str | os.PathLike[str] | None = None,
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
    model : str, optional
        ``"tfidf"``: TF-IDF of these texts and truncated SVD, by scikit-learn; ``"tfidf:PATH"``: by
        a model that was saved. ``"vectors:PATH"``: means of the word vectors in a file of word2vec,
        GloVe or gensim. All else is the path or hub name of a sentence-transformers model. It may
        be left out with `like`.
    text : str, optional
        What of a record is embedded: the name of a field; a template, ``"{question} {answer}"``,
        filled with top-level fields; ``"alpaca"``: instruction, input unless empty, and output;
        ``"conversations"``: what is said in the turns of ``messages`` or ``conversations``. It may
        be left out with `like`.
    like : path, optional
        Embeddings by `embed_file`: model, text, prompt and normalisation are theirs, as far as they
        are not given here. Another model than theirs, by its fingerprint, is an error.
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
    unknown : {"error", "mean", "zero", "drop"}
        What becomes of a text of which the model knows nothing: an error that counts them, the mean
        of all other rows, or zeros, which no cosine can be taken of; "drop", which leaves it out,
        is for `embed_file`.
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
    if unknown == "drop":
        raise ValueError("unknown='drop' is for embed_file: here row i is that of record i")
    options = Options(batch_size, device, prompt, dim)
    asked = asked_for(model, text, like, normalize, options)
    job = _prepared(records, None, asked, unknown, None, progress is True)
    known = _Known(asked.normalize)
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
    model: str | None = None,
    text: str | None = None,
    like: str | os.PathLike[str] | None = None,
    save_model: str | os.PathLike[str] | None = None,
    id_field: str | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    prompt: str | None = None,
    dim: int | None = None,
    normalize: bool = False,
    unknown: str = "error",
    list_unknown: str | os.PathLike[str] | None = None,
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
    records, model, text, like, batch_size, device, prompt, dim, normalize, progress
        As for `embed`.
    output : path
        ``.parquet``: columns ``embedding``, fixed_size_list<float32>, and ``id`` with `id_field`;
        model, template and version in the metadata. ``.npy``: the rows alone.
    save_model : path of an .npz file, optional
        For ``"tfidf"``: keeps the fitted model, for ``"tfidf:PATH"`` and `like`. It holds arrays
        and JSON, and no code.
    id_field : str, optional
        The field with the records' ids, integers or strings.
    unknown : {"error", "mean", "zero", "drop"}
        As for `embed`. "drop" leaves such texts out; without `id_field` the column ``id`` then has
        the numbers of the records.
    list_unknown : path of a .txt file, optional
        Gets the ids, or else the numbers, of the records of such texts, one a line, also where they
        are an error.

    Returns
    -------
    tuple of int
        (N, d), of what was written.

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
    if unknown == "drop" and output.suffix == ".npy" and list_unknown is None:
        raise ValueError("unknown='drop' wants list_unknown, or a .parquet file, which has ids")
    for path, suffix in ((save_model, SUFFIX), (list_unknown, ".txt")):
        if path is not None and Path(path).suffix != suffix:
            raise ValueError(f"{os.fspath(path)} must end in {suffix}")
    partial = output.with_name(output.name + ".partial")
    asked = asked_for(model, text, like, normalize, Options(batch_size, device, prompt, dim))
    if save_model is not None and asked.model != TFIDF and asked.saved is None:
        raise ValueError(f"save_model is for tfidf: {asked.model} is kept where it is")
    read = [path for path in (records, like) if isinstance(path, (str, os.PathLike))]
    if asked.saved is not None:
        read.append(asked.saved)
    outputs = [path for path in (output, save_model, list_unknown) if path is not None]
    check_apart([*outputs, partial], read)
    for path in outputs:
        check_writable(path)
    job = _prepared(records, id_field, asked, unknown, list_unknown, progress is True)
    known = _Known(asked.normalize)
    with _kept(job, partial) as store:
        for rows in store.chunks():
            known.see(rows)
        with shown_texts(progress, job.facts.n, store.done) as show:
            for rows in _made(job, store.done, show):
                known.see(rows)
                store.append(rows)
        finished = _finished(store.chunks(), known, unknown, job)
        if save_model is not None and isinstance(job.embedder, TfidfEmbedder):
            # Before what names it.
            with written_whole(save_model) as out:
                job.embedder.fitted.save(out)
        left = job.facts.n - known.zeros if unknown == "drop" else job.facts.n
        with written_whole(output) as out:
            if output.suffix == ".npy":
                write_npy(out, finished, (left, job.embedder.dim))
            else:
                ids = job.facts.ids
                if unknown == "drop":
                    ids = np.arange(job.facts.n) if ids is None else ids
                    ids = np.delete(ids, known.zero_rows)
                record = {"text": asked.text, "normalize": asked.normalize}
                record |= {"unknown_texts": known.zeros, "fingerprint": job.embedder.fingerprint}
                saved = save_model if save_model is not None else asked.saved
                if saved is not None:
                    record["saved"] = saved_beside(output, saved)
                write_parquet(out, finished, job.embedder.dim, ids, record | job.embedder.settings)
    if list_unknown is not None:
        _list_unknown(list_unknown, known.zero_rows, job.facts)
    if progress is True and known.zeros > job.early:  # of words that cancel, or hardly weigh
        print(f"{_described(known.zero_rows, job)}: {_BECOMES[unknown]}", file=sys.stderr)
    return left, job.embedder.dim


class _Job(NamedTuple):
    """Texts, the model that embeds them, and how they are written."""

    texts: Texts
    facts: Facts
    embedder: Embedder
    run: dict[str, Any]
    list_unknown: str | os.PathLike[str] | None
    # How many texts were found to have no known word, before any was embedded.
    early: int = 0


def _prepared(
    records: Any,
    id_field: str | None,
    asked: Asked,
    unknown: str,
    list_unknown: str | os.PathLike[str] | None,
    tell: bool,
) -> _Job:
    """Everything checked, all records read once, and the model ready."""
    if unknown not in UNKNOWN:
        raise ValueError(f"unknown must be one of {', '.join(UNKNOWN)}, got {unknown!r}")
    texts = Texts(records, asked.text, id_field)
    embedder = open_embedder(asked.model, asked.options)
    if asked.fingerprint is not None and embedder.fingerprint != asked.fingerprint:
        raise ValueError(
            f"{asked.model} is not the model that {asked.like} was embedded by: its fingerprint is "
            f"{embedder.fingerprint}, not {asked.fingerprint}"
        )
    facts = texts.facts()

    early = 0

    def told(rows: NDArray[np.int64]) -> None:
        nonlocal early
        early = len(rows)
        job = _Job(texts, facts, embedder, {}, list_unknown)
        if len(rows) and unknown == "error":
            raise _unknown_error(rows, job)
        if len(rows) and tell:
            print(f"{_described(rows, job)}: {_BECOMES[unknown]}", file=sys.stderr, flush=True)

    embedder.fit(_ReadForFit(texts, facts.n, tell), texts.name, told)
    run = {"text": asked.text, "records": facts.n, "digest of the texts": facts.digest}
    return _Job(texts, facts, embedder, run | embedder.settings, list_unknown, early)


_BECOMES = {"mean": "they get the mean", "zero": "they get zeros", "drop": "they are left out"}


def _described(rows: NDArray[np.int64], job: _Job) -> str:
    """How many texts have nothing that is known, and the first of them."""
    named = rows if job.facts.ids is None else job.facts.ids[rows]
    kind = "record" if job.facts.ids is None else "id"
    listed = ", ".join(map(repr, named[:NAMED].tolist())) + ", ..." * (len(rows) > NAMED)
    return (
        f"{len(rows)} of {job.facts.n} texts of {job.texts.name} have nothing that "
        f"{job.embedder.settings['model']} knows, {kind}{'s' * (len(rows) > 1)} {listed}"
    )


def _unknown_error(rows: NDArray[np.int64], job: _Job) -> ValueError:
    if job.list_unknown is not None:
        _list_unknown(job.list_unknown, rows, job.facts)
    return ValueError(f"{_described(rows, job)}: set unknown to drop, mean or zero")


def _list_unknown(path: str | os.PathLike[str], rows: NDArray[np.int64], facts: Facts) -> None:
    """Writes ids or numbers, one a line."""
    named = rows if facts.ids is None else facts.ids[rows]
    with written_whole(path) as out:
        out.writelines(f"{name}\n".encode() for name in named.tolist())


class _ReadForFit:
    """The texts, showing how many of them a model has read; it may take its time after the last."""

    def __init__(self, texts: Texts, n: int, progress: bool) -> None:
        self._texts, self._n, self._progress = texts, n, progress

    def __iter__(self) -> Iterator[str]:
        done = 0
        with shown_texts(self._progress, self._n, what="texts read for the fit") as show:
            for done, text in enumerate(self._texts, 1):
                yield text
                if done % 1024 == 0:
                    show(done, self._n)
            show(done, self._n)


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
    """Counts zero rows, and sums up the others for their mean."""

    def __init__(self, normalize: bool) -> None:
        self.normalize = normalize
        self.count = self.zeros = 0
        self._zero: list[NDArray[np.int64]] = []
        self._sum: NDArray[np.float64] | float = 0.0

    def see(self, rows: NDArray[np.float32]) -> None:
        zero = ~rows.any(axis=1)
        self._zero.append(self.count + np.flatnonzero(zero))
        self.count += len(rows)
        self.zeros += int(zero.sum())
        self._sum = self._sum + self.scaled(rows).sum(axis=0, dtype=np.float64)

    @property
    def zero_rows(self) -> NDArray[np.int64]:
        """The numbers of the rows of zeros."""
        return np.concatenate(self._zero)

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
        raise _unknown_error(known.zero_rows, job)
    if known.zeros == known.count and unknown in ("mean", "drop"):
        what = "no mean" if unknown == "mean" else "no row is left"
        raise ValueError(f"{job.embedder.settings['model']} knows nothing of any text: {what}")
    return _as_wanted(chunks, known, unknown)


def _as_wanted(
    chunks: Iterable[NDArray[np.float32]], known: _Known, unknown: str
) -> Iterator[NDArray[np.float32]]:
    for rows in chunks:
        if unknown == "drop":
            rows = rows[rows.any(axis=1)]
        rows = known.scaled(rows)
        if known.zeros and unknown == "mean":
            rows = np.where(rows.any(axis=1, keepdims=True), rows, known.mean())
        yield rows
