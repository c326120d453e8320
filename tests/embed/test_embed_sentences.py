"""Embeddings by sentence-transformers, with a model made here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from embedding_models import save_sentence_model

from pyuniform.embed.run import embed, embed_file

sentence_transformers = pytest.importorskip("sentence_transformers")
# Its own libraries' warnings are not ours.
pytestmark = pytest.mark.filterwarnings("default")

WORDS = ["red", "green", "blue", "é", "日"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(0, 30))) for _ in range(50)]
RECORDS = [{"id": i, "text": text} for i, text in enumerate(TEXTS)]


def write_records(path: Path, records: list[dict[str, Any]] = RECORDS) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_sentence_model(folder / "model", [*WORDS, "e"])
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return sentence_transformers.SentenceTransformer(str(folder / "model"), device="cpu")


def arguments_for(folder: Path) -> dict[str, Any]:
    return {"model": str(folder / "model"), "text": "text", "device": "cpu"}


def test_rows_are_those_of_encode(folder: Path, model: Any) -> None:
    rows = embed(RECORDS, **arguments_for(folder))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, model.encode(TEXTS))  # all in one chunk
    assert "" in TEXTS  # which has a row like any other
    assert len(np.unique(rows.round(4), axis=0)) > 30
    for batch_size in (1, 3, 64):
        other = embed(RECORDS, batch_size=batch_size, **arguments_for(folder))
        np.testing.assert_allclose(other, rows, atol=1e-6)
    scaled = embed(RECORDS, normalize=True, **arguments_for(folder))
    np.testing.assert_allclose(scaled, model.encode(TEXTS, normalize_embeddings=True), atol=1e-6)
    prompted = embed(RECORDS, prompt="q", **arguments_for(folder))
    np.testing.assert_array_equal(prompted, model.encode(TEXTS, prompt_name="q"))
    assert not np.allclose(prompted, rows, atol=1e-3)


def test_resumed_rows_are_those_of_one_run(folder: Path, tmp_path: Path) -> None:
    records = write_records(tmp_path / "r.jsonl")
    arguments = arguments_for(folder) | {"batch_size": 2}

    def interrupt(done: int, total: int) -> None:
        if done == 32:
            raise KeyboardInterrupt

    embed_file(records, tmp_path / "whole.parquet", **arguments)
    out = tmp_path / "e.parquet"
    with pytest.raises(KeyboardInterrupt):
        embed_file(records, out, progress=interrupt, **arguments)
    with pytest.raises(ValueError, match="batch_size is 2 there and 3 here"):
        embed_file(records, out, **(arguments | {"batch_size": 3}))
    with pytest.raises(ValueError, match="prompt is None there and 'query: ' here"):
        embed_file(records, out, prompt="q", **arguments)
    seen: list[int] = []
    embed_file(records, out, progress=lambda done, _: seen.append(done), **arguments)
    assert seen == [48, 50]
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    kept = json.loads(pq.read_schema(out).metadata[b"pyuniform"])["embed"]
    assert kept["max_length"] == 24
    assert kept["batch_size"] == 2
    assert kept["device"] == "cpu"


def test_other_weights_under_the_same_name_are_noticed(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "model", tmp_path / "model")
    arguments = {"model": str(tmp_path / "model"), "text": "text", "device": "cpu"}

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_file(RECORDS, tmp_path / "e.npy", progress=interrupt, **arguments)
    model = sentence_transformers.SentenceTransformer(arguments["model"], device="cpu")
    next(model.parameters()).data[3, 3] += 1e-3
    model.save(arguments["model"])
    with pytest.raises(ValueError, match=r"weights is '\w+' there and '\w+' here"):
        embed_file(RECORDS, tmp_path / "e.npy", **arguments)


def test_other_records_are_embedded_like_these(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "model", tmp_path / "model")
    arguments = {"model": str(tmp_path / "model"), "text": "text", "device": "cpu"}
    there = tmp_path / "there.parquet"
    embed_file(RECORDS, there, prompt="q", normalize=True, **arguments)
    rows = embed(RECORDS[:7], like=there, device="cpu")
    expected = embed(RECORDS[:7], prompt="q", normalize=True, **arguments)
    np.testing.assert_array_equal(rows, expected)
    model = sentence_transformers.SentenceTransformer(arguments["model"], device="cpu")
    next(model.parameters()).data[3, 3] += 1e-3
    model.save(arguments["model"])
    with pytest.raises(ValueError, match=r"model is not the model that .*there.parquet was embed"):
        embed(RECORDS, like=there, device="cpu")


def test_mistakes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = arguments_for(folder)
    with pytest.raises(ValueError, match=r"has no prompt 'x'; it has .*q"):
        embed(RECORDS, prompt="x", **arguments)
    with pytest.raises(ValueError, match=r"dim is no option of .*, which has batch_size, dev"):
        embed(RECORDS, dim=3, **arguments)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        embed(RECORDS, batch_size=0, **arguments)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"model .*empty cannot be opened: "):
        embed(RECORDS, model=str(tmp_path / "empty"), text="text")
    with pytest.raises(ValueError, match=r"model .* cannot be opened: .*nonsense"):
        embed(RECORDS, **(arguments | {"device": "nonsense"}))
