"""State files that are not those of the rows, damaged or forged; what update() does not take."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyuniform
from pyuniform._common.locks import PathLock
from pyuniform.selection.row_map import rows_by_fingerprint, rows_by_number
from pyuniform.selection.state_file import RowsKept

X = np.random.default_rng(5).integers(-9, 9, (300, 12)).astype(np.float32)
OLD = 260


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "run.state"


@pytest.fixture
def sel(state: Path) -> pyuniform.Selection:
    return pyuniform.select(X[:OLD], 20, state=state)


def refused(message: str, *arguments: Any, **options: Any) -> None:
    """Fails unless update() refuses these with one line."""
    with pytest.raises(ValueError, match=message) as error:
        pyuniform.update(*arguments, **options)
    assert "\n" not in str(error.value)


def test_of_other_data_metric_dtype_or_picks(
    sel: pyuniform.Selection, state: Path, tmp_path: Path
) -> None:
    before = state.read_bytes()
    refused("metric is 'euclidean' there and 'cosine'", sel, X, state=state, metric="cosine")
    refused("d is 12 there and 11 here", sel, X[:, :11], state=state)
    refused("dtype is 'float32' there", sel, X.astype(np.float64), state=state)
    others = pyuniform.select(X[1 : OLD + 1], 20)
    refused("fingerprint of the data is .* there", others, X, state=state)
    started = pyuniform.select(X[:OLD], 20, start=7)
    refused("run.state is of other picks; remove it", started, X, state=state)
    longer = pyuniform.select(X[:OLD], 30)
    refused("is of other picks", longer, X, state=state)
    assert state.read_bytes() == before


def test_what_is_no_state_file(sel: pyuniform.Selection, tmp_path: Path) -> None:
    text, picks, run = (tmp_path / name for name in ("notes.txt", "picks.npz", "run.ckpt"))
    text.write_text("a shopping list")
    sel.save(picks)
    pyuniform.select(X, 9, checkpoint=run)
    for path in (text, picks, run):
        before = path.read_bytes()
        for do in (
            lambda path=path: pyuniform.update(sel, X, state=path),
            lambda path=path: pyuniform.select(X, 9, state=path),
        ):
            with pytest.raises(ValueError, match=re.escape(str(path))) as error:
                do()
            assert "\n" not in str(error.value)
        assert path.read_bytes() == before
    with pytest.raises(ValueError, match="of another run"):
        pyuniform.select(X, 9, checkpoint=_made(tmp_path))


def _made(folder: Path) -> Path:
    path = folder / "made.state"
    pyuniform.select(X, 9, state=path)
    return path


def test_cut_or_damaged_anywhere(sel: pyuniform.Selection, state: Path) -> None:
    whole = state.read_bytes()
    expected = pyuniform.select(X, 25, preselected=sel.indices)
    for length in np.linspace(0, len(whole) - 1, 25).astype(int):
        state.write_bytes(whole[:length])
        refused("run.state", sel, X, 25, state=state)
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 60):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << rng.integers(8)
        state.write_bytes(damaged)
        try:
            found = pyuniform.update(sel, X, 25, state=state)
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017  (a bit in a place of no meaning is fine)
        else:
            np.testing.assert_array_equal(found.indices, expected.indices)


def rewritten(path: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    with np.load(path) as archive:
        arrays = dict(archive)
    change(arrays)
    with open(path, "wb") as out:
        np.savez(out, **arrays)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *itertools.product(("nearest", "seen", "scanned"), (-2, 22, 2**30, "float", "short")),
        ("fingerprint", "float"),
        ("fingerprint", "short"),
    ],
)
def test_forged(name: str, number: int | str, sel: pyuniform.Selection, state: Path) -> None:
    def change(arrays: dict[str, np.ndarray]) -> None:
        values = arrays[f"state/{name}"]
        if number == "float":
            arrays[f"state/{name}"] = values.astype(np.float64)
        elif number == "short":
            arrays[f"state/{name}"] = values[:-1]
        else:
            values[100] = number

    rewritten(state, change)
    refused(f"is not a whole state file: {name}", sel, X, 25, state=state)


@pytest.mark.parametrize(
    ("indices", "message"),
    [([0, 0], "each of them once"), ([0, 260], "rows from 0 to 259"), ([], "no row numbers")],
)
def test_forged_picks(
    indices: list[int], message: str, sel: pyuniform.Selection, state: Path
) -> None:
    rewritten(state, lambda arrays: arrays.update(indices=np.array(indices, np.int64)))
    refused(message, sel, X, state=state)


def test_one_run_at_a_time(sel: pyuniform.Selection, state: Path) -> None:
    lock = PathLock(state, "a test")
    refused("state file .* is in use by another run", sel, X, state=state)
    lock.release()
    pyuniform.update(sel, X, state=state)


def test_without_a_file_one_is_made(sel: pyuniform.Selection, tmp_path: Path) -> None:
    path = tmp_path / "new.state"
    first = pyuniform.update(sel, X, 22, state=path)
    found = pyuniform.update(first, X[::-1].copy(), 24, state=path)
    kept = len(X) - 1 - first.indices
    np.testing.assert_array_equal(found.indices[:22], kept)
    expected = pyuniform.select(X[::-1].copy(), 24, preselected=kept)
    np.testing.assert_array_equal(found.indices, expected.indices)


def test_numbers_that_are_not_so(sel: pyuniform.Selection, state: Path) -> None:
    moved = np.roll(X, 1, axis=0)
    refused("row 0 of X is not what row 0 was, as added", sel, moved, added=40, state=state)
    refused("of X is not what row", sel, moved)
    refused("must have the 260 old rows", sel, X, added=[3])
    refused("260 old rows are left, and X has 250", sel, X[:250])
    refused("removed must be row numbers from 0 to 259", sel, X, removed=[260])
    refused("added must be from 0 to 300", sel, X, added=301)
    refused("a mask, must have shape", sel, X, added=np.zeros(9, bool))
    unknown = pyuniform.Selection(sel.indices, sel.radii, np.nan)
    refused("does not say of how many rows", unknown, X)
    np.testing.assert_array_equal(
        pyuniform.update(unknown, X, 25, added=40).indices,
        pyuniform.select(X, 25, preselected=sel.indices).indices,
    )


def test_what_does_not_go_together(sel: pyuniform.Selection, tmp_path: Path) -> None:
    heavy = pyuniform.select(X, 9, weights=np.arange(300.0), exclude=[4])
    refused("this one has exclude, weights", heavy, X)
    refused("k must be from 20", sel, X, 19)
    with pytest.raises(TypeError, match="selection must be a Selection"):
        pyuniform.update(sel.indices, X)  # type: ignore[arg-type]
    for options in ({"exclude": [3]}, {"min_distance": 1.0}, {"anchors": X}, {"invalid": "drop"}):
        with pytest.raises(ValueError, match=f"state does not go with {next(iter(options))}"):
            pyuniform.select(X, 9, state=tmp_path / "s", **options)
    assert list(tmp_path.glob("s*")) == []


def test_rows_on_a_gpu_have_no_state() -> None:
    with pytest.raises(ValueError, match="the state of rows is kept on the processor"):
        RowsKept(object(), None)  # type: ignore[arg-type]


def test_rows_by_number() -> None:
    assert rows_by_number(3, 4, None, None).tolist() == [0, 1, 2, -1]
    assert rows_by_number(3, 4, [0, 2], [1]).tolist() == [-1, 0, -1, 2]
    assert rows_by_number(3, 2, 0, [1]).tolist() == [0, 2]
    assert rows_by_number(None, 3, 1, None).tolist() == [0, 1, -1]


def test_equal_rows_are_told_by_their_order() -> None:
    old = np.array([7, 5, 7, 9, 7], np.uint64)
    new = np.array([7, 9, 4, 7, 2**64 - 1], np.uint64)
    assert rows_by_fingerprint(old, new).tolist() == [0, 3, -1, 2, -1]
    assert rows_by_fingerprint(new, old).tolist() == [0, -1, 3, 1, -1]
    assert rows_by_fingerprint(old[:0], new).tolist() == [-1] * 5
