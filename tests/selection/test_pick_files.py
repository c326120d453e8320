from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyuniform import Selection
from pyuniform.selection.pick_files import BESIDE, FORMATS

NAN, INF = float("nan"), float("inf")
WORDS = np.array(["doc-7", "", "Ä\n\u2028\U0001f600"], dtype=object)
QUICK = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def made(k: int = 3, ids: Any = None, covering: float = 0.25) -> Selection:
    radii = np.array([INF, *np.linspace(2, 1, k - 1)])
    manifest = {"metric": "cosine", "k": k, "start": 4}
    return Selection(np.arange(k) * 7 + 4, radii, covering, manifest, {"rounds": 2}, ids=ids)


def assert_equal(one: Selection, other: Selection) -> None:
    np.testing.assert_array_equal(one.indices, other.indices)
    np.testing.assert_array_equal(one.radii, other.radii)
    assert one.indices.dtype == np.int64
    assert one.radii.dtype == np.float64
    np.testing.assert_equal(one.covering_radius, other.covering_radius)
    assert (one.manifest, one.stats) == (other.manifest, other.stats)
    assert (one.ids is None) == (other.ids is None)
    if one.ids is not None and other.ids is not None:
        assert one.ids.tolist() == other.ids.tolist()
        assert one.ids.dtype == object or one.ids.dtype.kind in "iu"


# A NUL at the end is what .npz cannot keep, see below.
texts = st.lists(st.text(max_size=5).map(lambda text: text.rstrip("\0")), min_size=1, max_size=6)
signed = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6)
unsigned = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6)


@pytest.mark.parametrize("suffix", FORMATS)
@given(
    ids=st.one_of(
        st.integers(1, 6),  # so many picks, and no ids
        texts.map(lambda ids: np.array(ids, dtype=object)),
        signed.map(lambda ids: np.array(ids, np.int64)),
        unsigned.map(lambda ids: np.array(ids, np.uint64)),
    ),
    known=st.integers(0, 6),
    covering=st.sampled_from([0.0, 1e-300, 0.1, NAN]),
)
@QUICK
def test_what_is_saved_is_loaded(
    tmp_path: Path, suffix: str, ids: Any, known: int, covering: float
) -> None:
    k = ids if isinstance(ids, int) else len(ids)
    selection = made(k, None if isinstance(ids, int) else ids, covering)
    selection.radii[known:] = NAN
    path = tmp_path / f"picks{suffix}"
    selection.save(path)
    assert_equal(Selection.load(path), selection)
    names = {path.name} | ({f"{path.name}.json"} if suffix in BESIDE else set())
    assert {p.name for p in tmp_path.iterdir()} == names


@pytest.mark.parametrize("ids", [None, WORDS, np.array([2**63, 7, 7], np.uint64)])
def test_names_in_tables(tmp_path: Path, ids: Any) -> None:
    selection = made(ids=ids)
    selection.save(tmp_path / "p.parquet")
    selection.save(tmp_path / "p.jsonl")
    table = pq.read_table(tmp_path / "p.parquet")
    assert table.column_names == ["id", "row", "order", "radius"][ids is None :]
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_bytes().splitlines()]
    assert [list(line) for line in lines] == [table.column_names] * 3
    assert [line["radius"] for line in lines] == [None, 2.0, 1.0]
    assert [INF if line["radius"] is None else line["radius"] for line in lines] == table[
        "radius"
    ].to_pylist()
    for name in table.column_names[:-1]:
        assert [line[name] for line in lines] == table[name].to_pylist()
    assert table["order"].to_pylist() == [0, 1, 2]


def test_prefix_cuts_ids(tmp_path: Path) -> None:
    selection = made(ids=WORDS)
    for suffix in FORMATS:
        selection.prefix(2).save(tmp_path / f"p{suffix}")
        back = Selection.load(tmp_path / f"p{suffix}")
        assert back.ids is not None
        assert back.ids.tolist() == WORDS[:2].tolist()
        assert back.covering_radius == 1.0
    assert made().prefix(2).ids is None


def test_tables_by_others(tmp_path: Path) -> None:
    words = pa.array(["x", "y"]).dictionary_encode()
    table = pa.table({"text": ["a", "b"], "row": pa.array([9, 4], pa.int32()), "id": words})
    pq.write_table(table, tmp_path / "p.parquet")
    (tmp_path / "p.jsonl").write_text(
        '{"row": 9, "id": "x"}\r\n\n  \n{"id": "y", "row": 4, "a": 1}'
    )
    for name in ("p.parquet", "p.jsonl"):
        back = Selection.load(tmp_path / name)
        assert back.indices.tolist() == [9, 4]
        assert back.ids is not None
        assert back.ids.tolist() == ["x", "y"]
        assert np.isnan(back.radii).all()
        assert np.isnan(back.covering_radius)
        assert back.manifest == {}


def test_order_is_that_of_the_column(tmp_path: Path) -> None:
    made(ids=WORDS).save(tmp_path / "p.parquet")
    table = pq.read_table(tmp_path / "p.parquet")
    pq.write_table(table.take([2, 0, 1]), tmp_path / "p.parquet")
    assert_equal(Selection.load(tmp_path / "p.parquet"), made(ids=WORDS))
    made(ids=WORDS).save(tmp_path / "p.jsonl")
    lines = (tmp_path / "p.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "p.jsonl").write_bytes(b"".join(lines[::-1]))
    assert_equal(Selection.load(tmp_path / "p.jsonl"), made(ids=WORDS))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"row": 1, "order": 0}\n{"row": 2, "order": 2}', "order is not 0 to 1"),
        ('{"row": 1, "order": 0}\n{"row": 2}', "order"),
        ('{"row": 1, "id": "a"}\n{"row": 2, "id": null}', "must be integers or strings"),
        ('{"row": 1, "id": 1}\n{"row": 2, "id": "b"}', "must be integers or strings"),
        ('{"row": 1, "id": -1}\n{"row": 2, "id": 18446744073709551615}', "more than 64 bits"),
        ('{"row": 1.5}', "list of row numbers"),
        ('{"row": true}', "list of row numbers"),
        ('{"index": 1}', "row"),
        ("[1]", "selection"),
        ("\n", "list of row numbers"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_lines_that_hold_no_selection(tmp_path: Path, lines: str, message: str) -> None:
    (tmp_path / "p.jsonl").write_text(lines)
    with pytest.raises(ValueError, match=message):
        Selection.load(tmp_path / "p.jsonl")


@pytest.mark.parametrize("content", ["[]", "3", '{"radii": [1.0]}', '{"radii": 3}'])
@pytest.mark.parametrize("suffix", BESIDE)
def test_manifests_that_are_none(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"p{suffix}"
    made(ids=WORDS).save(path)
    if suffix == ".jsonl" and content.startswith("{"):
        return  # its radii are elsewhere
    (tmp_path / f"p{suffix}.json").write_text(content)
    with pytest.raises(ValueError, match="does not hold a selection"):
        Selection.load(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_ids_that_cannot_be_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    for ids in (np.array(["a", 1, 2], dtype=object), np.array([1.0, 2.0, 3.0])):
        with pytest.raises(TypeError, match="ids of picks must be integers or strings"):
            made(ids=ids).save(path)
    nul = np.array(["a", "b\0", "c"], dtype=object)
    if suffix == ".npz":
        with pytest.raises(ValueError, match=r"cannot hold the id 'b\\x00'"):
            made(ids=nul).save(path)
    else:
        made(ids=nul).save(path)
        assert_equal(Selection.load(path), made(ids=nul))
        path.unlink()
    path.with_name(path.name + ".json").unlink(missing_ok=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"p{suffix}"
    made(ids=WORDS).save(path)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyuniform._common.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        made(k=9).save(path)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before
