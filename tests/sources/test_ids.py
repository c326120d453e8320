"""Record ids of picks: from sources, through a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pyuniform
from pyuniform.sources import check_ids, concatenate, ids_at, open_source, window, with_ids
from pyuniform.streaming.selector import StreamingSelector

X = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
WORDS = [f"id {i} é" for i in range(60)]


class Counting:
    """A source that knows what it is asked."""

    name, shape, dtype, cheap_rows = "counting", X.shape, "float32", True

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    @property
    def ids(self) -> Any:
        raise AssertionError("all ids were asked for")

    def ids_at(self, rows: Any) -> Any:
        self.asked.append(list(rows))
        return np.array([WORDS[i] for i in rows], dtype=object)

    def blocks(self, rows: int = 8192) -> Iterator[np.ndarray]:
        yield X

    def rows(self, ids: np.ndarray) -> np.ndarray:
        return X[ids]


def written(path: Path, ids: Any) -> Path:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X[: len(ids)].ravel()), 5)
    pq.write_table(
        pa.table({"embedding": lists, "uid": ids}), path, row_group_size=7, compression="none"
    )
    return path


def test_only_ids_of_picks_are_asked_for() -> None:
    source = Counting()
    selection = pyuniform.select(source, 7)
    assert selection.ids is not None
    assert selection.ids.tolist() == [WORDS[i] for i in selection.indices]
    assert source.asked == [[0, 59], selection.indices.tolist()]


@pytest.mark.parametrize("ids", [WORDS, ["same"] * 60, list(range(2**64 - 60, 2**64))])
def test_ids_of_a_column(tmp_path: Path, ids: list[Any]) -> None:
    column = pa.array(ids, pa.uint64()) if isinstance(ids[0], int) else pa.array(ids)
    source = open_source(written(tmp_path / "x.parquet", column), id_column="uid")
    selection = pyuniform.select(source, 60)
    assert selection.ids is not None
    assert selection.ids.tolist() == [ids[i] for i in selection.indices]
    assert pyuniform.select(tmp_path / "x.parquet", 3).ids is None
    assert pyuniform.select(X, 3).ids is None


def test_ids_that_cannot_be_read_fail_before_picking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package has a function of the module's name.
    module = sys.modules["pyuniform.selection.select"]
    monkeypatch.setattr(module, "prepare_rows", lambda *a: pytest.fail("it went on"))
    holes = written(tmp_path / "x.parquet", pa.array([*WORDS[:30], None, *WORDS[31:]]))
    with pytest.raises(ValueError, match=r"column 'uid' of .* has nulls"):
        pyuniform.select(open_source(holes, id_column="uid"), 2)
    damaged = bytearray(written(tmp_path / "y.parquet", WORDS).read_bytes())
    at = damaged.rindex("id 58 é".encode())
    damaged[at : at + 2] = b"\xff\xff"
    (tmp_path / "y.parquet").write_bytes(damaged)
    with pytest.raises(ValueError, match=r"y\.parquet"):
        pyuniform.select(open_source(tmp_path / "y.parquet", id_column="uid"), 2)


def test_ids_of_shards_of_several_kinds() -> None:
    halves = open_source(X[:30]), open_source(X[30:])
    words, low = with_ids(halves[0], WORDS[:30]), with_ids(halves[0], np.arange(-30, 0))
    high = with_ids(halves[1], np.arange(2**64 - 30, 2**64, dtype=np.uint64))
    mixed = concatenate([words, high])
    with pytest.raises(TypeError, match="integers in some shards, strings in others"):
        pyuniform.select(mixed, 3)
    # No integer type holds both: as float64 they would be others.
    wide = concatenate([low, high])
    check_ids(wide)
    assert wide.ids is not None
    assert wide.ids.tolist() == [*range(-30, 0), *range(2**64 - 30, 2**64)]
    assert ids_at(wide, [59, 0]).tolist() == [2**64 - 1, -30]  # type: ignore[union-attr]
    small = with_ids(halves[0], np.arange(30, dtype=np.int8))
    both = concatenate([small, with_ids(halves[1], np.arange(30, dtype=np.uint32))])
    assert both.ids is not None
    assert both.ids.dtype == np.int64


def test_ids_of_a_stream(tmp_path: Path) -> None:
    selector = StreamingSelector(7, buffer=40, threads=1)
    selector.update(X, WORDS)
    selection = selector.result().selection()
    selection.save(tmp_path / "p.parquet")
    back = pyuniform.Selection.load(tmp_path / "p.parquet")
    assert back.ids is not None
    assert back.ids.tolist() == [WORDS[i] for i in selection.indices]


def test_windows_of_joined_sources_keep_their_ids() -> None:
    halves = with_ids(open_source(X[:30]), WORDS[:30]), with_ids(open_source(X[30:]), WORDS[30:])
    part = window(window(concatenate(halves), 5, 55), 10, 40)
    np.testing.assert_array_equal(np.concatenate(list(part.blocks(7))), X[15:45])
    np.testing.assert_array_equal(part.rows(np.array([29, 0, 14])), X[[44, 15, 29]])
    assert part.ids is not None
    assert part.ids.tolist() == WORDS[15:45]
    assert ids_at(part, [29, 0]).tolist() == [WORDS[44], WORDS[15]]  # type: ignore[union-attr]
    check_ids(part)
