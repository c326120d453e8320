"""What a ranked packing saves, and what comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from packed import assert_packing, packing_options

import pyuniform
from pyuniform.selection.pick_files import FORMATS


@pytest.fixture
def packing(wordnet: np.ndarray) -> pyuniform.Packing:
    X = wordnet[:300]
    options = packing_options(X, ("scores", "anchors", "exclude", "groups"))
    return pyuniform.pack(X, 0.7, metric="cosine", k=40, **options)


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_hold_all_of_it(packing: pyuniform.Packing, suffix: str, tmp_path: Path) -> None:
    path, ruled_out = tmp_path / f"picks{suffix}", tmp_path / "ruled-out.parquet"
    packing.save(path, ruled_out)
    back = pyuniform.Packing.load(path, ruled_out)
    assert_packing(back, (packing.indices, packing.verdicts, packing.by, packing.distance))
    assert back.manifest == packing.manifest
    assert back.stats == packing.stats


def test_the_rows_taken_are_a_selection(packing: pyuniform.Packing, tmp_path: Path) -> None:
    packing.save(tmp_path / "picks.parquet")
    for sel in (packing.selection, pyuniform.Selection.load(tmp_path / "picks.parquet")):
        np.testing.assert_array_equal(sel.indices, packing.indices)
        assert np.isnan(sel.radii).all()


def test_the_table_of_rows_ruled_out(tmp_path: Path) -> None:
    X, path = np.array([[0.0], [0.5], [3.0], [9.0]]), tmp_path / "out.parquet"
    packing = pyuniform.pack(X, 1.0, anchors=[[3.25]], exclude=[3])
    packing.save_ruled_out(path, ids=np.array(["p", "q", "r", "s"], object))
    assert pq.read_table(path).to_pylist() == [
        {"row": 1, "verdict": "ruled_out", "by": 0, "anchor": None, "distance": 0.5}
        | {"id": "q", "by_id": "p"},
        {"row": 2, "verdict": "ruled_out", "by": None, "anchor": 0, "distance": 0.25}
        | {"id": "r", "by_id": None},
        {"row": 3, "verdict": "excluded", "by": None, "anchor": None, "distance": None}
        | {"id": "s", "by_id": None},
    ]


def test_files_of_others_are_refused(packing: pyuniform.Packing, tmp_path: Path) -> None:
    picks, ruled_out = tmp_path / "picks.npz", tmp_path / "out.parquet"
    packing.save(picks, ruled_out)
    with pytest.raises(ValueError, match=r"must end in \.parquet"):
        packing.save_ruled_out(tmp_path / "out.csv")
    pyuniform.select(np.eye(3), 2).save(tmp_path / "plain.npz")
    with pytest.raises(ValueError, match="does not hold a ranked packing"):
        pyuniform.Packing.load(tmp_path / "plain.npz", ruled_out)
    pyuniform.pack(np.ones((400, 2)), 1.0).save(tmp_path / "other.npz", tmp_path / "o.parquet")
    with pytest.raises(ValueError, match="are not of the same packing"):
        pyuniform.Packing.load(picks, tmp_path / "o.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="does not hold what a packing ruled out"):
        pyuniform.Packing.load(picks, tmp_path / "bad.parquet")


def test_ids_come_with_the_rows_taken(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = {"id": ["a", "b", "c"], "embedding": [[0.0, 1.0], [0.0, 1.1], [5.0, 1.0]]}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    source = pyuniform.sources.open_source(
        tmp_path / "x.parquet", column="embedding", id_column="id"
    )
    packing = pyuniform.pack(source, 0.5, scores=[1, 2, 3])
    assert packing.ids is not None
    assert packing.ids.tolist() == ["c", "b"]
