"""Other records embedded by the very model of a corpus; texts without a known word; anchors."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from embedding_models import write_vectors

import pyuniform
from pyuniform.cli.main import cli
from pyuniform.embed.models import saved
from pyuniform.embed.run import embed, embed_file
from pyuniform.sources import as_array, open_source
from pyuniform.sources.damage import DAMAGED

pytest.importorskip("sklearn")

WORDS = [f"wörd{i}" for i in range(40)]


def records(count: int, seed: int, words: list[str] = WORDS) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(words, 8)) for _ in range(count)]
    return [{"id": f"r{seed}-{i}", "t": text.title()} for i, text in enumerate(texts)]


def write(path: str, some: list[dict[str, Any]]) -> str:
    Path(path).write_text("".join(json.dumps(record) + "\n" for record in some))
    return path


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """corpus.parquet, its model in model.npz, and new.jsonl."""
    monkeypatch.chdir(tmp_path)
    write("corpus.jsonl", records(90, 0))
    write("new.jsonl", records(30, 1))
    embed_file(
        "corpus.jsonl", "corpus.parquet", model="tfidf", text="{t}", dim=12, save_model="model.npz"
    )
    return as_array(open_source("corpus.parquet"))


def told(path: str) -> dict[str, Any]:
    return json.loads(pq.read_schema(path).metadata[b"pyuniform"])["embed"]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def test_other_records_are_embedded_by_the_model_of_the_corpus(corpus: np.ndarray) -> None:
    # The corpus' own texts among others: the same rows to the last bit, and a length of their own.
    write("mixed.jsonl", records(5, 1) + records(90, 0)[::-1])
    done = invoke("embed", "mixed.jsonl", "--like", "corpus.parquet", "-o", "mixed.parquet", "-q")
    assert done.exit_code == 0, done.exception
    rows = as_array(open_source("mixed.parquet"))
    np.testing.assert_array_equal(rows[5:], corpus[::-1])
    np.testing.assert_array_equal(embed(records(90, 0), like="corpus.parquet"), corpus)
    np.testing.assert_array_equal(embed(records(90, 0), model="tfidf:model.npz", text="t"), corpus)
    # A fit of these records alone is another model.
    assert not np.array_equal(embed(records(90, 0)[:60], model="tfidf", text="t", dim=12)[:3], rows)
    assert told("mixed.parquet")["fingerprint"] == told("corpus.parquet")["fingerprint"]
    assert told("mixed.parquet")["text"] == "{t}"
    # What is like the corpus can be followed in its turn.
    embed_file("new.jsonl", "new.parquet", like="mixed.parquet")
    embed_file("new.jsonl", "direct.parquet", like="corpus.parquet")
    assert Path("new.parquet").read_bytes() == Path("direct.parquet").read_bytes()


def test_the_model_moves_with_its_folder_and_can_be_named(tmp_path: Path) -> None:
    Path("sub").mkdir()
    embed_file("new.jsonl", "sub/new.parquet", like="corpus.parquet")
    assert told("sub/new.parquet")["saved"] == str(Path("..", "model.npz"))
    shutil.copytree(tmp_path, tmp_path.parent / "moved")
    moved = tmp_path.parent / "moved"
    embed_file("new.jsonl", "a.npy", like=moved / "sub" / "new.parquet")
    Path("model.npz").rename("elsewhere.npz")
    with pytest.raises(FileNotFoundError, match=r"model\.npz"):
        embed_file("new.jsonl", "b.npy", like="corpus.parquet")
    embed_file("new.jsonl", "b.npy", like="corpus.parquet", model="tfidf:elsewhere.npz")
    np.testing.assert_array_equal(np.load("a.npy"), np.load("b.npy"))
    assert not list(tmp_path.glob("*.partial"))


def test_a_model_that_is_not_the_same_is_refused() -> None:
    other = "other.npz"
    embed_file("new.jsonl", "new.parquet", model="tfidf", text="t", dim=12, save_model=other)
    for options, message in (
        ({"model": f"tfidf:{other}"}, r"other.npz is not the model that corpus.parquet was embe"),
        ({"model": "tfidf"}, "'tfidf' would fit a new model, unlike corpus.parquet"),
        ({"normalize": True}, "the rows of corpus.parquet are as the model gives them"),
        ({"dim": 12}, "dim is no option of tfidf:model.npz"),
    ):
        with pytest.raises(ValueError, match=message):
            embed_file("new.jsonl", "x.npy", like="corpus.parquet", **options)
    shutil.copy(other, "model.npz")
    done = invoke("embed", "new.jsonl", "--like", "corpus.parquet", "-o", "x.npy")
    assert "its fingerprint is" in str(done.exception)
    assert not Path("x.npy").exists()


def test_what_does_not_say_its_model_cannot_be_followed() -> None:
    embed_file("new.jsonl", "unsaved.parquet", model="tfidf", text="t")
    np.save("plain.npy", np.ones((3, 2)))
    pq.write_table(pa.table({"embedding": [[1.0], [2.0]]}), "plain.parquet")
    pyuniform.select("corpus.parquet", 5).save("picks.parquet")
    for like, message in (
        ("unsaved.parquet", "unsaved.parquet does not say where its model is saved"),
        ("plain.npy", "plain.npy does not say by which model it was embedded"),
        ("plain.parquet", "plain.parquet does not say by which model"),
        ("picks.parquet", "has no list column"),
    ):
        with pytest.raises(ValueError, match=message):
            embed_file("new.jsonl", "x.npy", like=like)
    # Embedded again and saved, the same model is found.
    embed_file("new.jsonl", "again.parquet", model="tfidf", text="t", save_model="again.npz")
    embed_file("new.jsonl", "x.npy", like="unsaved.parquet", model="tfidf:again.npz")
    assert invoke("embed", "new.jsonl", "-o", "x.npy").exit_code == 2


@pytest.mark.parametrize(
    "damage", ["cut", "bits", "text", "pickle", "npy", "shape", "nan", "words"]
)
def test_damaged_models_are_one_line_and_run_no_code(damage: str, tmp_path: Path) -> None:
    path = Path("model.npz")
    plain = path.read_bytes()
    arrays = dict(np.load(path))
    if damage == "cut":
        path.write_bytes(plain[: len(plain) // 2])
    elif damage == "bits":
        middle = len(plain) // 2
        path.write_bytes(plain[:middle] + bytes([plain[middle] ^ 1]) + plain[middle + 1 :])
    elif damage == "text":
        path.write_bytes(b"no model")
    elif damage == "npy":
        out = io.BytesIO()
        np.save(out, np.ones(3))
        path.write_bytes(out.getvalue())
    elif damage == "pickle":
        np.savez(path, **arrays | {"idf": np.array([Trap()], dtype=object)}, allow_pickle=True)
    elif damage == "shape":
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 12)}
        )
        with zipfile.ZipFile(path) as old:
            members = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(path, "w") as new:
            for name, content in (members | {"directions.npy": header.getvalue()}).items():
                new.writestr(name, content)
    elif damage == "nan":
        arrays["directions"][3, 2] = np.nan
        np.savez(path, **arrays)
    else:
        arrays["words"] = arrays["words"][:-1]
        np.savez(path, **arrays)
    arguments = ["embed", "new.jsonl", "-o", "x.npy", "--like", "corpus.parquet"]
    error = invoke(*arguments).exception
    assert isinstance(error, DAMAGED)
    assert "model.npz is not a whole saved model: " in str(error)
    if damage in ("cut", "pickle"):  # the others come by the same way
        command = [sys.executable, "-m", "pyuniform", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "model.npz is not a whole saved model: " in done.stderr
    assert not Path("trapped").exists()
    assert not Path("x.npy").exists()


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("trapped").touch, ())


def test_a_model_is_saved_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Path("model.npz").read_bytes()

    def fail(self: Any, out: Any) -> None:
        out.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(saved.FittedTfidf, "save", fail)
    with pytest.raises(OSError, match="no space left"):
        embed_file("new.jsonl", "n.parquet", model="tfidf", text="t", save_model="model.npz")
    assert Path("model.npz").read_bytes() == before
    assert not Path("n.parquet").exists()
    for save_model in ("new.jsonl", "n.parquet"):
        with pytest.raises(ValueError, match=r"must end in \.npz"):
            embed_file("new.jsonl", "n.parquet", model="tfidf", text="t", save_model=save_model)
    with pytest.raises(ValueError, match="it is read as well"):
        embed_file("new.jsonl", "n.parquet", like="corpus.parquet", save_model="model.npz")


def test_word_vectors_are_followed_by_their_file() -> None:
    vectors = np.random.default_rng(2).standard_normal((len(WORDS), 5)).astype(np.float32)
    model = write_vectors(Path("g.txt"), [w.title() for w in WORDS], vectors)
    embed_file("corpus.jsonl", "c.parquet", model=model, text="t", normalize=True)
    # The words of these texts are fewer, and the model is the same.
    some = write("some.jsonl", records(3, 4, WORDS[:6]))
    embed_file(some, "some.parquet", like="c.parquet")
    rows = as_array(open_source("some.parquet"))
    expected = embed(some, model=model, text="t", normalize=True)
    np.testing.assert_array_equal(rows, expected)
    pyuniform.select("c.parquet", 5, anchors="some.parquet")
    write_vectors(Path("g.txt"), [w.title() for w in WORDS], vectors + 1)
    with pytest.raises(ValueError, match=r"vectors:g.txt is not the model that c.parquet was"):
        embed_file(some, "x.npy", like="c.parquet")


def test_anchors_by_another_model_are_refused() -> None:
    embed_file("new.jsonl", "fit.parquet", model="tfidf", text="t", dim=12)  # of the same width
    embed_file("new.jsonl", "like.parquet", like="corpus.parquet")
    embed_file("new.jsonl", "long.parquet", like="corpus.parquet", model="tfidf:model.npz")
    found = pyuniform.select("corpus.parquet", 9, anchors="like.parquet")
    run = ["select", "corpus.parquet", "-k", 9, "--anchors"]
    done = invoke(*run, "like.parquet", "-q")
    assert list(map(int, done.stdout.split())) == found.indices.tolist()
    refused = "anchors were embedded by another model than X: fit.parquet by tfidf"
    with pytest.raises(ValueError, match=refused):
        pyuniform.select("corpus.parquet", 9, anchors="fit.parquet")
    with pytest.raises(ValueError, match=refused):
        pyuniform.select("corpus.parquet", 9, anchors=open_source("fit.parquet"))
    for more in ([], ["--metric", "cosine"], ["--out-of-core"], ["--column", "embedding"]):
        assert refused in str(invoke(*run, "fit.parquet", *more).exception)
    # Arrays say nothing, and one side alone is told.
    rows = as_array(open_source("fit.parquet"))
    assert len(pyuniform.select("corpus.parquet", 9, anchors=rows)) == 9
    np.save("fit.npy", rows)
    told_of_one = "is told of one of them alone"
    assert told_of_one in invoke(*run, "fit.npy").stderr
    assert told_of_one not in invoke(*run, "like.parquet").stderr
    np.save("c.npy", as_array(open_source("corpus.parquet")))
    both = invoke("select", "c.npy", "-k", 9, "--anchors", "fit.npy")
    assert told_of_one not in both.stderr


def test_lengths_matter_to_euclid_alone() -> None:
    embed_file("new.jsonl", "unit.parquet", model="tfidf:model.npz", text="t", normalize=True)
    pyuniform.select("corpus.parquet", 9, anchors="unit.parquet", metric="cosine")
    with pytest.raises(ValueError, match=r"another model than X: unit.parquet by .*normalized"):
        pyuniform.select("corpus.parquet", 9, anchors="unit.parquet")


def test_shards_by_different_models_are_refused() -> None:
    Path("shards").mkdir()
    shutil.copy("corpus.parquet", "shards/0.parquet")
    embed_file("new.jsonl", "shards/1.parquet", like="corpus.parquet")
    assert len(pyuniform.select("shards", 9)) == 9
    embed_file("new.jsonl", "shards/1.parquet", model="tfidf", text="t", dim=12)
    for arguments in (["shards"], ["shards/*.parquet"], ["corpus.parquet", "--anchors", "shards"]):
        done = invoke("select", *arguments, "-k", 9)
        assert "embedded by another model than X" in str(done.exception)
    with pytest.raises(ValueError, match="shards of shards were embedded by different models"):
        embed_file("new.jsonl", "x.npy", like="shards")


UNKNOWN = [{"id": "é1", "t": "wörd1 wörd2"}, {"id": "none", "t": "?!"}, {"id": "x", "t": "grey"}]


@pytest.mark.parametrize("model", ["tfidf", "like", "vectors"])
def test_texts_without_a_known_word_are_found_before_any_work(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = write("some.jsonl", UNKNOWN + records(20, 3))
    options: dict[str, Any] = {"model": "tfidf", "text": "t"}
    unknown = ["none"] if model == "tfidf" else ["none", "x"]
    if model == "like":
        options = {"like": "corpus.parquet"}
    elif model == "vectors":
        vectors = np.random.default_rng(2).standard_normal((len(WORDS), 5))
        options["model"] = write_vectors(Path("g.txt"), WORDS, vectors)
    with monkeypatch.context() as patch:
        # Neither the decomposition nor a single row.
        patch.setattr("sklearn.utils.extmath.randomized_svd", lambda *_, **__: 1 / 0)
        patch.setattr("pyuniform.embed.run._made", lambda *_: 1 / 0)
        named = ", ".join(map(repr, unknown))
        with pytest.raises(ValueError, match=rf"{len(unknown)} of 23 texts .* ids? {named}: set"):
            embed_file(some, "e.parquet", id_field="id", list_unknown="u.txt", **options)
    assert Path("u.txt").read_text().splitlines() == unknown
    assert not Path("e.parquet").exists()
    whole = embed(some, unknown="zero", **options)
    Path("u.txt").unlink()
    shape = embed_file(
        some, "e.parquet", id_field="id", unknown="drop", list_unknown="u.txt", **options
    )
    source = open_source("e.parquet", id_column="id")
    kept = [i for i, record in enumerate(UNKNOWN + records(20, 3)) if record["id"] not in unknown]
    assert shape == source.shape == (len(kept), whole.shape[1])
    np.testing.assert_array_equal(as_array(source), whole[kept])
    assert source.ids is not None
    assert source.ids.tolist() == [(UNKNOWN + records(20, 3))[i]["id"] for i in kept]
    assert Path("u.txt").read_text().splitlines() == unknown
    # Without a field of ids the numbers of the records are the ids.
    embed_file(some, "n.parquet", unknown="drop", **options)
    numbered = open_source("n.parquet", id_column="id")
    assert numbered.ids is not None
    assert numbered.ids.tolist() == kept
    with pytest.raises(ValueError, match="here row i is that of record i"):
        embed(some, unknown="drop", **options)


def test_the_command_tells_and_lists_them() -> None:
    some = write("some.jsonl", UNKNOWN + records(20, 3))
    line = ["embed", some, "--like", "corpus.parquet"]
    done = invoke(*line, "-o", "e.npy", "--unknown", "drop", "--list-unknown", "u.txt")
    assert done.exit_code == 0, done.exception
    assert np.load("e.npy").shape == (21, 12)
    assert (
        "2 of 23 texts of some.jsonl have nothing that tfidf knows, records 1, 2: they are l"
        in (done.stderr)
    )
    assert Path("u.txt").read_text() == "1\n2\n"
    # Rows that stay in their places, and are never picked: for --join.
    done = invoke(*line, "-o", "z.npy", "--unknown", "zero", "--list-unknown", "u.txt", "-q")
    assert (done.exit_code, done.stderr) == (0, "")
    run = ["select", "z.npy", "-k", 21, "--metric", "cosine", "--exclude", "u.txt", "-q"]
    done = invoke(*run, "--join", some, "-o", "s.jsonl")
    assert done.exit_code == 0, done.exception
    assert {json.loads(row)["id"] for row in Path("s.jsonl").read_text().splitlines()}.isdisjoint(
        {"none", "x"}
    )
    nothing = write("nothing.jsonl", UNKNOWN[1:])
    done = invoke(
        "embed", nothing, "--like", "corpus.parquet", "-o", "n.parquet", "--unknown", "drop"
    )
    assert "knows nothing of any text: no row is left" in str(done.exception)
