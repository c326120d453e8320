"""Embeddings of records: whole, in order, resumed as if never interrupted."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from embedding_models import write_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform.cli.embed import unescaped
from pyuniform.embed.partial import opened_partial
from pyuniform.embed.run import embed, embed_file
from pyuniform.sources import as_array, open_source

RNG = np.random.default_rng(0)
WORDS = ["red", "Green", "blue", "über", "日本", "x_1", "3"]
VECTORS = RNG.standard_normal((len(WORDS), 4)).astype(np.float32)
TEXTS = ["red red, blue!", "RED Green green", "日本 (über) grey", "x_1 3 Blue", "red"]
# Which vectors each has: as it stands or in lower case. "green" has none.
KNOWN = [[0, 0, 2], [0, 1], [4, 3], [5, 6, 2], [0]]
MEANS = np.stack([VECTORS[rows].mean(axis=0, dtype=np.float64) for rows in KNOWN])
RECORDS = [{"id": f"é{i}", "text": text} for i, text in enumerate(TEXTS)]


def known_vectors(path: Path) -> str:
    return write_vectors(path, WORDS, VECTORS)


def write_records(path: Path, records: list[dict] = RECORDS) -> Path:
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["g.txt", "w.vec", "w.bin", "g.txt.gz", "w.bin.gz"])
def test_means_of_word_vectors(name: str, tmp_path: Path) -> None:
    model = known_vectors(tmp_path / name)
    rows = embed(RECORDS, model=model, text="text")
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, MEANS.astype(np.float32))
    scaled = embed(RECORDS, model=model, text="text", normalize=True)
    lengths = np.linalg.norm(MEANS, axis=1, keepdims=True)
    np.testing.assert_allclose(scaled, MEANS / lengths, rtol=1e-6)


def test_gensim_files(tmp_path: Path) -> None:
    keyed = pytest.importorskip("gensim.models").KeyedVectors(4)
    keyed.add_vectors(WORDS, VECTORS)
    keyed.save(str(tmp_path / "w.kv"))
    keyed.save_word2vec_format(str(tmp_path / "w.bin"), binary=True)
    keyed.save_word2vec_format(str(tmp_path / "w.vec"))
    for name in ("w.kv", "w.bin", "w.vec"):
        rows = embed(RECORDS, model=f"vectors:{tmp_path / name}", text="text")
        np.testing.assert_allclose(rows, MEANS, rtol=1e-6)


def test_lines_of_vectors_as_they_come(tmp_path: Path) -> None:
    """Words with spaces and odd spaces, words twice, line ends of Windows, trailing spaces."""
    path = tmp_path / "g.txt"
    path.write_bytes(
        "red 1 2\r\n. . 9 9\nred x@y.z 8 8 \nred 7 7\n\u2028 6 6\n\xa0red 5 5 \n".encode()
        + b"blue 3 4 \n"
    )
    rows = embed([{"t": "red"}, {"t": "blue"}], model=f"vectors:{path}", text="t")
    assert rows.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g.txt", b"", "not a whole file of word vectors: its first line has no values"),
        ("g.txt", b"red\n", "its first line has no values"),
        ("g.txt", b"blue 1 2\nred 1\n", "vector 2 has 1 values in place of 2"),
        ("g.txt", b"red 1 x\n", "not a whole file of word vectors: could not convert"),
        ("g.txt", b"red 1 nan\n", "has NaN or infinity among its vectors"),
        ("g.txt", b"grey 1 2\n", "has no vector for any word of records"),
        ("w.vec", b"3 2\nred 1 2\nblue 1 2\n", "it has 2 vectors in place of 3"),
        ("w.bin", b"red 1 2\n", "its first line does not say how many"),
        ("w.bin", b"2 1\nred \0\0\0\0blue \0\0\0", "it ends in vector 2 of 2"),
        (
            "w.bin.gz",
            gzip.compress(b"1 1\nred \0\0\0\0", mtime=0)[:-9],
            "not a whole file of word vectors",
        ),
        ("w.kv", b"no pickle", "not a whole file of word vectors"),
    ],
)
def test_damaged_vectors(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    if name == "w.kv":
        pytest.importorskip("gensim")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        embed([{"t": "red"}], model=f"vectors:{tmp_path / name}", text="t")


def test_unknown_texts(tmp_path: Path) -> None:
    model = known_vectors(tmp_path / "g.txt")
    records = [*RECORDS[:2], {"text": ""}, *RECORDS[2:], {"text": "grey, - ?!"}]
    with pytest.raises(ValueError, match=r"2 of 7 texts of records .* knows, records 2, 6: set"):
        embed(records, model=model, text="text")
    zero = embed(records, model=model, text="text", unknown="zero")
    assert not zero[[2, 6]].any()
    np.testing.assert_array_equal(np.delete(zero, [2, 6], 0), MEANS.astype(np.float32))
    mean = embed(records, model=model, text="text", unknown="mean")
    np.testing.assert_allclose(mean[2], MEANS.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(mean[2], mean[6])
    scaled = embed(records, model=model, text="text", unknown="mean", normalize=True)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1, rtol=1e-6)
    pyuniform.select(mean, 6, metric="cosine")
    # Opposite words leave nothing, though they are known.
    opposite = write_vectors(tmp_path / "o.txt", ["a", "b"], np.array([[1.0, 2], [-1, -2]]))
    with pytest.raises(ValueError, match="1 of 1 texts"):
        embed([{"t": "a b"}], model=opposite, text="t")
    with pytest.raises(ValueError, match="knows nothing of any text: no mean"):
        embed([{"t": "a b"}], model=opposite, text="t", unknown="mean")


def test_files(tmp_path: Path) -> None:
    records, model = write_records(tmp_path / "r.jsonl"), known_vectors(tmp_path / "g.txt")
    out = tmp_path / "e.parquet"
    shown: list[tuple[int, int]] = []
    shape = embed_file(
        records,
        out,
        model=model,
        text="{text}",
        id_field="id",
        progress=lambda done, total: shown.append((done, total)),
    )
    assert shape == (5, 4)
    assert shown == [(5, 5)]
    source = open_source(out, id_column="id")
    np.testing.assert_array_equal(as_array(source), MEANS.astype(np.float32))
    assert source.ids is not None
    assert source.ids.tolist() == [record["id"] for record in RECORDS]
    schema = pq.read_schema(out)
    assert str(schema.field("embedding").type) == "fixed_size_list<element: float>[4]"
    kept = json.loads(schema.metadata[b"pyuniform"])["embed"]
    assert kept["model"] == model
    assert kept["text"] == "{text}"
    assert (kept["dim"], kept["version"]) == (4, pyuniform.__version__)
    embed_file(records, tmp_path / "e.npy", model=model, text="text")
    np.testing.assert_array_equal(np.load(tmp_path / "e.npy"), MEANS.astype(np.float32))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"r.jsonl", "g.txt", "e.parquet", "e.npy"}


MANY = 5000


@pytest.fixture
def many(tmp_path: Path) -> tuple[Path, str]:
    """Records of five chunks, the last of which is short, a few of them unknown."""
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 5))) for _ in range(MANY)]
    texts[1500] = texts[4990] = "grey"
    records = [{"id": i, "text": text} for i, text in enumerate(texts)]
    return write_records(tmp_path / "r.jsonl", records), known_vectors(tmp_path / "g.txt")


KILLED = """
import os, signal, sys
from pyuniform.embed.run import embed_file

def progress(done, total):
    if done >= 3000:
        os.kill(os.getpid(), signal.SIGKILL)

records, output, model = sys.argv[1:]
embed_file(records, output, model=model, text="text", id_field="id", unknown="mean",
           normalize=True, progress=progress)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_and_started_again(many: tuple[Path, str], tmp_path: Path) -> None:
    records, model = many
    whole, out = tmp_path / "whole.parquet", tmp_path / "e.parquet"
    options: dict[str, Any] = {"model": model, "text": "text", "id_field": "id", "normalize": True}
    embed_file(records, whole, unknown="mean", **options)
    killed = [sys.executable, "-c", KILLED, records, out, model]
    done = subprocess.run(killed, check=False, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert not out.exists()
    partial = tmp_path / "e.parquet.partial"
    kept = partial.read_bytes()
    assert len(kept) > 3000 * 16
    # As if it had been killed within a write, too.
    partial.write_bytes(kept + b"rest of a chunk")
    seen: list[int] = []
    options["progress"] = lambda done, _: seen.append(done)
    with pytest.raises(ValueError, match=r"2 of 5000 texts .* ids 1500, 4990: set"):
        embed_file(records, out, **options)
    assert seen == []  # it is told before any work
    embed_file(records, out, unknown="mean", **options)  # the error cost no row
    assert seen == [4096, MANY]
    assert out.read_bytes() == whole.read_bytes()
    assert not partial.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("text", r"text is 'text' there and '{text}' here"),
        ("record", r"digest of the texts is '\w+' there and '\w+' here"),
        ("vectors", r"vectors is '\w+' there and '\w+' here"),
        ("model", r"model is 'vectors:.*g.txt' there and 'vectors:.*w.bin' here"),
        ("noise", r"e.npy.partial is no partial file of embeddings"),
    ],
)
def test_a_partial_file_of_another_run_is_refused(
    change: str, message: str, many: tuple[Path, str], tmp_path: Path
) -> None:
    records, model = many
    out, text = tmp_path / "e.npy", "text"

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_file(records, out, model=model, text=text, unknown="zero", progress=interrupt)
    partial = tmp_path / "e.npy.partial"
    if change == "text":
        text = "{text}"
    elif change == "record":
        records.write_text(records.read_text().replace('"grey"', '"gray"'))
    elif change == "vectors":
        write_vectors(tmp_path / "g.txt", WORDS, VECTORS + 1)
    elif change == "model":
        model = known_vectors(tmp_path / "w.bin")
    else:
        partial.write_bytes(b"my notes\n")
    before = partial.read_bytes()
    with pytest.raises(ValueError, match=message):
        embed_file(records, out, model=model, text=text, unknown="zero")
    assert partial.read_bytes() == before
    assert not out.exists()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_rows_survive_any_damage(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    n, d = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 3))
    chunk = data.draw(st.integers(1, 5))
    rows = np.arange(n * d, dtype=np.float32).reshape(n, d)
    path = tmp_path_factory.mktemp("partial") / "x"

    def fill() -> list[int]:
        began = []
        with opened_partial(path, {"a": 1}, n, d, chunk) as store:
            began.append(store.done)
            assert store.done == n or store.done % chunk == 0
            while store.done < n:
                store.append(rows[store.done : store.done + chunk])
            np.testing.assert_array_equal(np.concatenate(list(store.chunks())), rows)
            content.append(path.read_bytes())
        return began

    content: list[bytes] = []
    assert fill() == [0]
    assert not path.exists()
    head = content[0].index(b"\n") + 1
    damaged = bytearray(content[0])
    at = data.draw(st.integers(head, len(damaged) - 1))
    if data.draw(st.booleans()):
        damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del damaged[at:]
    path.write_bytes(damaged)
    assert fill()[0] == (at - head) // (4 * d * chunk + 16) * chunk
    assert content[1] == content[0]


def test_mistakes_come_before_any_work(tmp_path: Path) -> None:
    records, model = write_records(tmp_path / "r.jsonl"), known_vectors(tmp_path / "g.txt")
    before = sorted(tmp_path.iterdir())

    def attempt(output: str = "e.parquet", **changed: object) -> None:
        arguments = {"model": model, "text": "text"} | changed
        embed_file(records, tmp_path / output, **arguments)

    for output, changed, message in [
        ("e.csv", {}, r"e.csv must end in one of .parquet, .npy"),
        ("e.npy", {"id_field": "id"}, "has no place for ids"),
        (
            "e.npy",
            {"unknown": "skip"},
            "must be one of error, mean, zero, drop, got 'skip'",
        ),
        ("e.npy", {"unknown": "drop"}, "wants list_unknown, or a .parquet file"),
        ("e.npy", {"list_unknown": "u.csv"}, "u.csv must end in .txt"),
        ("e.npy", {"save_model": "m.pkl"}, "m.pkl must end in .npz"),
        ("e.npy", {"save_model": tmp_path / "m.npz"}, "save_model is for tfidf: vectors:"),
        ("e.npy", {"model": None}, "give model and text, or like"),
        ("e.npy", {"model": f"tfidf:{model}"}, "must end in .npz, as saved models do"),
        ("e.npy", {"dim": 3}, "dim is no option of vectors:.*, which has none"),
        ("e.npy", {"batch_size": 3}, "batch_size is no option of vectors:"),
        ("e.npy", {"model": "tfidf", "prompt": "p"}, "prompt is no option of tfidf, which has dim"),
        ("e.npy", {"model": ""}, "model must be tfidf, vectors:PATH or the name of a model"),
        ("e.npy", {"text": "{"}, "begins no field"),
        ("e.npy", {"text": "nope"}, "record 0 of .*r.jsonl: there is no field 'nope'"),
        ("e.parquet", {"id_field": "nope"}, "record 0 of .*r.jsonl: there is no field 'nope'"),
    ]:
        with pytest.raises(ValueError, match=message):
            attempt(output, **changed)
    with pytest.raises(FileNotFoundError):
        attempt(model=f"vectors:{tmp_path / 'missing.txt'}")
    with pytest.raises(FileNotFoundError, match="is not a directory"):
        attempt("missing/e.npy")
    with pytest.raises(TypeError, match="model must be a string"):
        attempt(model=3)
    table = tmp_path / "r.parquet"
    table.touch()
    with pytest.raises(ValueError, match="cannot be written: it is read as well"):
        embed_file(table, table, model=model, text="text")
    table.unlink()
    assert sorted(tmp_path.iterdir()) == before


def without(module: str) -> Callable[[], subprocess.CompletedProcess[str]]:
    code = (
        f"import sys; sys.modules[{module!r}] = None; from pyuniform.cli.main import main; main()"
    )

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    ("model", "module", "extra"),
    [
        ("tfidf", "sklearn", "tfidf"),
        ("vectors:w.kv", "gensim", "vectors"),
        ("some/model", "sentence_transformers", "embed"),
    ],
)
def test_missing_libraries_are_one_line(
    model: str, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_records(tmp_path / "r.jsonl")
    (tmp_path / "w.kv").touch()
    done = without(module)("embed", "r.jsonl", "-o", "e.npy", "--model", model, "--text", "text")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"without {module}: pip install 'pyuniform[{extra}]'" in done.stderr
    assert not (tmp_path / "e.npy").exists()


def command(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    line = [Path(sys.executable).with_name("pyuniform"), *map(str, arguments)]
    return subprocess.run(
        line, cwd=folder, capture_output=True, text=True, check=False, env=os.environ
    )


def test_the_shell_has_no_line_feeds() -> None:
    assert unescaped(r"{a}\n{b}\t\\n") == "{a}\n{b}\t\\n"
    assert unescaped(r"a\n") == r"a\n"  # a field of that name


def test_command_line(tmp_path: Path) -> None:
    write_records(tmp_path / "r.jsonl", [{"a": "red", "b": "blue"}, {"a": "Green", "b": "3"}])
    known_vectors(tmp_path / "g.txt")
    base = ("embed", "r.jsonl", "--model", "vectors:g.txt", "--text", r"{a}\n{b}")
    done = command(*base, "-o", "e.parquet", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("2 texts, 4 values each, in ")
    metadata = pq.read_schema(tmp_path / "e.parquet").metadata
    assert json.loads(metadata[b"pyuniform"])["embed"]["text"] == "{a}\n{b}"
    done = command(*base, "-o", "e.npy", "--normalize", "-q", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_allclose(np.linalg.norm(np.load(tmp_path / "e.npy"), axis=1), 1, rtol=1e-6)
    with open(tmp_path / "r.jsonl", "a") as file:
        file.write('{"a": "broken\n')
    done = command(*base, "-o", "f.npy", folder=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("pyuniform: record 2 of r.jsonl is not JSON: ")
    assert command("embed", "r.jsonl", folder=tmp_path).returncode == 2
    assert {path.name for path in tmp_path.iterdir()} == {"r.jsonl", "g.txt", "e.parquet", "e.npy"}
