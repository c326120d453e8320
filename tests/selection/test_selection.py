from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from corpora import make

import pyuniform
from pyuniform import Selection

X = make("gaussian-17")


@pytest.fixture(scope="module")
def sel() -> Selection:
    return pyuniform.select(X, 40, metric="cosine", seed=3)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".jsonl", ".json"])
@pytest.mark.parametrize("k", [1, 40])
def test_saved_and_loaded_again(sel: Selection, tmp_path: Path, suffix: str, k: int) -> None:
    path = tmp_path / f"picks{suffix}"
    part = sel.prefix(k)
    part.save(path)
    back = Selection.load(path)
    np.testing.assert_array_equal(back.indices, part.indices)
    np.testing.assert_array_equal(back.radii, part.radii)
    assert back.covering_radius == part.covering_radius
    assert back.manifest == sel.manifest
    assert back.stats == sel.stats
    assert {"metric", "start", "n", "d", "dtype", "fingerprint", "version", "seconds"} <= set(
        back.manifest
    )
    names = {path.name} | ({f"{path.name}.json"} if suffix in (".npy", ".jsonl") else set())
    assert {p.name for p in tmp_path.iterdir()} == names


def test_npy_alone_is_a_list_of_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array([4, 2, 9]))
    back = Selection.load(tmp_path / "rows.npy")
    assert back.indices.tolist() == [4, 2, 9]
    assert np.isnan(back.h_min)
    assert np.isnan(back.covering_radius)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".jsonl", ".json"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}", b"PAR1"])
def test_files_that_hold_no_selection(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="does not hold a selection"):
        Selection.load(path)


def test_unknown_suffix(sel: Selection, tmp_path: Path) -> None:
    for call in (sel.save, Selection.load):
        with pytest.raises(
            ValueError, match=r"must end in one of .npy, .npz, .parquet, .jsonl, .json"
        ):
            call(tmp_path / "picks.txt")


def test_a_failed_save_leaves_the_old_file(
    sel: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picks.json"
    path.write_text("old")
    monkeypatch.setattr(json, "dump", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sel.save(path)
    monkeypatch.setattr("pyuniform._common.files.os.replace", lambda *a: 1 / 0)
    monkeypatch.undo()
    monkeypatch.setattr("pyuniform._common.files.os.fsync", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sel.save(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["picks.json"]


def test_prefix_is_the_selection_of_fewer(sel: Selection) -> None:
    shorter = pyuniform.select(X, 13, metric="cosine", seed=3)
    prefix = sel.prefix(13)
    np.testing.assert_array_equal(prefix.indices, shorter.indices)
    np.testing.assert_array_equal(prefix.radii, shorter.radii)
    assert prefix.covering_radius == shorter.covering_radius
    assert prefix.h_min == shorter.h_min
    assert sel.prefix(40) is sel
    for k in (0, 41, 2.0, True):
        with pytest.raises(ValueError, match="k must be an integer from 1 to 40"):
            sel.prefix(k)


def test_repr_shows_what_matters(sel: Selection) -> None:
    assert repr(sel).startswith("Selection(k=40, metric='cosine', h_min=0.")
