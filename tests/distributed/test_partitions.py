"""Rows in parts as one set of rows, with all parts in this process."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parts import LocalParts

import pyuniform
from pyuniform.distributed.partitions import AllRows
from pyuniform.selection.request import Request
from pyuniform.selection.run import pick
from pyuniform.sources import open_source


def select_parts(
    parts: Sequence[Any], k: int, how: dict[str, Any] | None = None, **options: Any
) -> pyuniform.Selection:
    request = Request(k, **options)
    team = LocalParts(parts, request.metric, how or {})
    drop = request.invalid == "drop"
    rows = AllRows(team, request.metric, 0.0, 1, request.never_picked, drop)
    return pick(rows, request, None, time.perf_counter())


def with_bad_rows(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(3).standard_normal((n, d)).astype(np.float32)
    bad = np.array([0, 7, n // 2, n - 1])
    X[bad[0]], X[bad[1], 1], X[bad[2]], X[bad[3], 0] = 0, np.nan, np.inf, -np.inf
    return X, bad


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("cuts", [(0, 300), (0, 1, 300), (0, 40, 40, 151, 300)])
def test_invalid_rows_of_any_part_are_dropped(metric: str, cuts: tuple[int, ...]) -> None:
    X, bad = with_bad_rows(300, 9)
    parts = [X[a:b] for a, b in itertools.pairwise(cuts)]
    found = select_parts(parts, 60, metric=metric, invalid="drop")
    whole = pyuniform.select(X, 60, metric=metric, invalid="drop")
    np.testing.assert_array_equal(found.indices, whole.indices)
    np.testing.assert_array_equal(found.radii, whole.radii)
    assert found.optimality == pytest.approx(whole.optimality, rel=0.02)
    assert found.covering_radius == whole.covering_radius
    # A row of zeros has no direction, but is a point.
    assert found.manifest["invalid_rows"] == len(bad) - (metric == "euclidean")
    assert found.manifest["fingerprint"] == whole.manifest["fingerprint"]


def test_dropped_rows_beside_excluded_ones() -> None:
    X, _ = with_bad_rows(300, 9)
    options = {"invalid": "drop", "exclude": [5, 6, 290], "weights": np.linspace(1, 2, 300)}
    found = select_parts([X[:100], X[100:]], 40, **options)
    np.testing.assert_array_equal(found.indices, pyuniform.select(X, 40, **options).indices)


def test_without_dropping_the_row_is_named_by_its_number_in_the_part() -> None:
    X, _ = with_bad_rows(300, 9)
    with pytest.raises(ValueError, match="NaN or infinity, in rows 50"):
        select_parts([X[20:100], X[100:]], 40, exclude=[])


@pytest.mark.parametrize("options", [{"invalid": "drop"}, {"exclude": [3, 24]}])
def test_missing_rows_of_a_table_in_parts(tmp_path: Path, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    lists = rng.standard_normal((40, 4)).tolist()
    lists[3] = lists[24] = None
    for name, part in (("a", lists[:20]), ("b", lists[20:])):
        column = pa.array(part, pa.list_(pa.float32(), 4))
        pq.write_table(pa.table({"embedding": column}), tmp_path / f"{name}.parquet")
    parts = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    found = select_parts(parts, 12, **options)
    whole = pyuniform.select(str(tmp_path / "*.parquet"), 12, **options)
    np.testing.assert_array_equal(found.indices, whole.indices)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_parts_in_memory_and_on_disk_prove_what_one_does(
    tmp_path: Path, wordnet: np.ndarray, metric: str
) -> None:
    np.save(tmp_path / "rows.npy", wordnet[900:])
    parts = [wordnet[:0], wordnet[:900], open_source(tmp_path / "rows.npy")]
    exclude = np.arange(800, 1000)
    whole = pyuniform.select(wordnet, 100, metric=metric, exclude=exclude)
    for far in (False, True):
        found = select_parts(parts, 100, how={"out_of_core": far}, metric=metric, exclude=exclude)
        np.testing.assert_array_equal(found.indices, whole.indices)
        assert found.manifest["h_min_bound"] == "spread"
        assert found.optimality == pytest.approx(whole.optimality, rel=0.01)
