"""Rows with NaN, infinity, missing values or zeros: refused, unless they are never picked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from tuning import select

from pyuniform.cli.main import cli

N, K = 600, 40
BAD = np.array([0, 7, 33, 34, 599])
GOOD = np.setdiff1d(np.arange(N), BAD)
WAYS: dict[str, dict[str, Any]] = {
    "float32": {"filter": "float32", "witnesses": False},
    "float32 with sketches": {"filter": "float32", "witnesses": True},
    "int8": {"filter": "int8", "witnesses": False},
    "int8 with sketches": {"filter": "int8", "witnesses": True},
    "boxes": {"filter": "boxes"},
    "on disk": {"out_of_core": True},
}


def rows(way: str, bad: float, dtype: str = "float32") -> np.ndarray:
    d = 5 if way == "boxes" else 24
    X = np.random.default_rng(1).standard_normal((N, d)).astype(dtype)
    X[BAD] = bad
    if np.isnan(bad):
        X[BAD[1:], 1:] = 1  # one value is enough
    return X


def never(how: str) -> dict[str, Any]:
    weights = np.ones(N)
    weights[BAD] = 0
    return {
        "numbers": {"exclude": BAD},
        "mask": {"exclude": np.isin(np.arange(N), BAD)},
        "weights": {"weights": weights},
        "both": {"exclude": BAD[:2], "weights": weights},
        "drop": {"invalid": "drop"},
    }[how]


@pytest.mark.parametrize("how", ["numbers", "mask", "weights", "both", "drop"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("metric", "bad"),
    [("euclidean", np.nan), ("euclidean", -np.inf), ("cosine", np.nan), ("cosine", 0)],
)
def test_rows_that_are_never_picked_may_hold_anything(
    metric: str, bad: float, way: str, how: str
) -> None:
    X = rows(way, bad)
    expected = select(X[GOOD], K, metric=metric)
    found = select(X, K, metric=metric, **never(how), **WAYS[way])
    np.testing.assert_array_equal(found.indices, GOOD[expected.indices])
    np.testing.assert_array_equal(found.radii, expected.radii)
    assert found.covering_radius == expected.covering_radius
    assert found.manifest.get("invalid_rows") == (len(BAD) if how == "drop" else None)
    with pytest.raises(ValueError, match="rows"):
        select(X, K, metric=metric, **WAYS[way])


@pytest.mark.parametrize("how", ["numbers", "weights", "drop"])
def test_huge_values_count_for_nothing_either(how: str) -> None:
    X = rows("float32", 1e200, "float64")
    expected = GOOD[select(X[GOOD], K).indices]
    np.testing.assert_array_equal(select(X, K, **never(how)).indices, expected)


def test_one_that_is_not_named_is_still_refused() -> None:
    X = rows("float32", np.nan)
    with pytest.raises(ValueError, match="X holds NaN or infinity, in rows 599"):
        select(X, K, exclude=BAD[:-1])
    weights = np.ones(N)
    weights[BAD] = 0
    with pytest.raises(ValueError, match=r"in rows 7$"):
        select(X, K, weights=weights, preselected=[7])
    with pytest.raises(ValueError, match="row 7 is both"):
        select(X, K, preselected=[7], invalid="drop")
    with pytest.raises(ValueError, match="start=33 is a row that may not be picked"):
        select(X, K, start=33, invalid="drop")
    with pytest.raises(ValueError, match="invalid must be one of raise, drop"):
        select(X, K, invalid="ignore")
    with pytest.raises(ValueError, match=f"k must be from 1 to {len(GOOD)}"):
        select(X, N, invalid="drop")


def test_where_nothing_is_wrong_drop_changes_nothing() -> None:
    X = np.random.default_rng(2).standard_normal((N, 8)).astype(np.float32)
    for way in ({}, {"out_of_core": True}, {"metric": "cosine"}):
        found, plain = select(X, K, invalid="drop", **way), select(X, K, **way)
        np.testing.assert_array_equal(found.indices, plain.indices)
        assert found.manifest["invalid_rows"] == 0
        assert found.manifest["fingerprint"] == plain.manifest["fingerprint"]


def test_other_constraints_go_with_it() -> None:
    X = rows("float32", np.nan)
    X[300] = np.inf
    good = np.setdiff1d(GOOD, [300, 5])
    anchors, weights = X[[1, 2]] * 1.5, np.linspace(0.5, 1, N)
    options = {"anchors": anchors, "min_distance": 0.5}
    expected = select(X[good], K, weights=weights[good], **options)
    found = select(X, K, weights=weights, exclude=[5], invalid="drop", **options)
    np.testing.assert_array_equal(found.indices, good[expected.indices])
    assert found.manifest["invalid_rows"] == len(BAD) + 1
    assert found.manifest["near_anchors"] == expected.manifest["near_anchors"]
    again = select(X, 2 * K, weights=weights, exclude=[5], invalid="drop", resume=found, **options)
    np.testing.assert_array_equal(again.indices[:K], found.indices)


@pytest.mark.parametrize("what", ["lists", "values"])
@pytest.mark.parametrize("fixed", [False, True])
def test_missing_values_of_tables(fixed: bool, what: str, tmp_path: Path) -> None:
    X = rows("float32", 0.5)
    X[BAD] = np.random.default_rng(3).standard_normal((len(BAD), 24))
    listed: list[Any] = X.tolist()
    for row in BAD:
        listed[row] = None if what == "lists" else [None, *listed[row][1:]]
    kind = pa.list_(pa.float32(), 24) if fixed else pa.list_(pa.float32())
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"v": pa.array(listed, kind), "n": range(N)}), path, row_group_size=100)
    expected = GOOD[select(X[GOOD], K).indices]
    for options in ({"invalid": "drop"}, {"exclude": BAD}):
        for far in (False, True):
            found = select(path, K, out_of_core=far, **options)
            np.testing.assert_array_equal(found.indices, expected)
    with pytest.raises(ValueError, match="null"):
        select(path, K)
    done = CliRunner().invoke(cli, ["select", str(path), "-k", str(K), "--invalid", "drop"])
    assert list(map(int, done.stdout.split())) == expected.tolist()
    assert f"{len(BAD)} rows are left out" in done.stderr


def test_a_mask_of_numbers_is_no_list_of_rows() -> None:
    X = rows("float32", 0.5)
    mask = np.isin(np.arange(N), BAD)
    with pytest.raises(ValueError, match="a mask must be of bool"):
        select(X, K, exclude=mask.astype(int))
    assert len(select(X, K, exclude=[0, 1])) == K
