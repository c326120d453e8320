"""Picks and rows that do not belong together: told by ids, by the fingerprint, or in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import pyuniform
from pyuniform._engine.rows import host_memory
from pyuniform.cli.main import cli
from pyuniform.evaluate.compare import compare
from pyuniform.evaluate.neighbours import neighbours
from pyuniform.sources import open_source, with_ids

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 6)).astype(np.float32)
# Of the same shape and type; the rows of one in another order, and one value of the other.
OTHERS = {"shuffled": X[::-1].copy(), "one value": X.copy()}
OTHERS["one value"][1, 5] += 0.01  # of a row that is not picked
IDS = np.array([f"doc {i}" for i in range(80)], object)
MADE = "made from other data than X: fingerprint is"


@pytest.fixture
def selection() -> pyuniform.Selection:
    return pyuniform.select(X, 12, start=3)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    return tmp_path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


MEASURES = {
    "h_min": pyuniform.h_min,
    "nearest": pyuniform.nearest,
    "covering_radius": pyuniform.covering_radius,
    "neighbours": neighbours,
    "compare": lambda X, picks: compare(X, {"mine": picks}),
    "second arm": lambda X, picks: compare(X, {"first": [0, 1, 2], "mine": picks}),
    "preselected": lambda X, picks: pyuniform.select(X, 20, preselected=picks),
    "exclude": lambda X, picks: pyuniform.select(X, 20, exclude=picks),
    "exclude and drop": lambda X, picks: pyuniform.select(X, 20, exclude=picks, invalid="drop"),
    "resume": lambda X, picks: pyuniform.select(X, 20, resume=picks),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("call", MEASURES)
def test_a_selection_of_other_data_is_refused(
    call: str, other: str, selection: pyuniform.Selection
) -> None:
    MEASURES[call](X, selection)  # these are its own
    with pytest.raises(ValueError, match=MADE):
        MEASURES[call](OTHERS[other], selection)
    if call != "resume":
        MEASURES[call](OTHERS[other], selection.indices)  # the way out that the error names


@pytest.mark.parametrize("call", ["nearest", "covering_radius", "preselected", "exclude", "resume"])
def test_rows_on_disk_are_told_too(
    call: str, selection: pyuniform.Selection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their fingerprint is known when all have been read, and not before."""
    monkeypatch.setattr(host_memory, "available_memory", lambda: 0)
    assert pyuniform.select("x.npy", 12, start=3).manifest["out_of_core"]
    np.save("other.npy", OTHERS["one value"])
    MEASURES[call]("x.npy", selection)
    with pytest.raises(ValueError, match=MADE):
        MEASURES[call]("other.npy", selection)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".jsonl", ".json"])
def test_files_of_picks_carry_what_they_were_made_from(
    suffix: str, selection: pyuniform.Selection, folder: Path
) -> None:
    picks = f"p{suffix}"
    selection.save(picks)
    np.save("other.npy", OTHERS["shuffled"])
    for command in (
        ["measure", "{}", "--picks", picks],
        ["compare", "{}", picks],
        ["select", "{}", "-k", 20, "--preselected", picks],
        ["select", "{}", "-k", 20, "--resume", picks],
    ):
        own = invoke(*[str(word).format("x.npy") for word in command])
        assert own.exit_code == 0, own.output or own.exception
        assert "does not say" not in own.stderr
        other = invoke(*[str(word).format("other.npy") for word in command])
        assert other.exit_code != 0
        assert MADE in str(other.exception)


def test_picks_that_say_nothing_are_told(selection: pyuniform.Selection, folder: Path) -> None:
    np.save("p.npy", selection.indices)
    pq.write_table(pa.table({"row": selection.indices, "id": IDS[selection.indices]}), "p.parquet")
    for path in ("p.npy", "p.parquet"):
        told = f"{path} does not say of which data its picks are: row numbers of x.npy are assumed"
        for command in (
            ["measure", "x.npy", "--picks", path, "--json"],
            ["compare", "x.npy", path, "--json"],
            ["select", "x.npy", "-k", 20, "--preselected", path],
        ):
            done = invoke(*command)
            assert done.exit_code == 0, done.output or done.exception
            assert told in done.stderr
            if "--json" in command:
                json.loads(done.stdout)
    quiet = invoke("select", "x.npy", "-k", 20, "--preselected", "p.npy", "-q")
    assert quiet.stderr == ""


def grown(before: int) -> tuple[np.ndarray, np.ndarray]:
    """The same records after a new shard, which comes before them in order."""
    new = RNG.standard_normal((before, 6)).astype(np.float32)
    return np.concatenate([new, X]), np.concatenate([[f"new {i}" for i in range(before)], IDS])


@pytest.mark.parametrize("integers", [False, True])
def test_ids_decide_which_rows_are_preselected(integers: bool, folder: Path) -> None:
    rows, ids = grown(7)
    names = np.arange(7, 87)[::-1] if integers else IDS
    after = np.concatenate([np.arange(7) + 1000, names]) if integers else ids
    sel = pyuniform.select(with_ids(open_source(X), names), 12)
    found = pyuniform.select(with_ids(open_source(rows), after), 20, preselected=sel)
    assert found.indices[:12].tolist() == (sel.indices + 7).tolist()
    assert (
        found.indices.tolist()
        == pyuniform.select(rows, 20, preselected=sel.indices + 7).indices.tolist()
    )
    # The same by the command line, whose ids are in a file or in a column.
    sel.save("picks.parquet")
    np.save("rows.npy", rows)
    np.save("ids.npy", after if integers else after.astype(str))
    done = invoke(
        "select", "rows.npy", "--ids", "ids.npy", "-k", 20, "--preselected", "picks.parquet", "-q"
    )
    assert done.exit_code == 0, done.output or done.exception
    assert list(map(int, done.stdout.split())) == found.indices.tolist()
    lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 6)
    pq.write_table(pa.table({"v": lists, "uid": after}), "rows.parquet")
    by_column = ["rows.parquet", "--column", "v", "--id-column", "uid", "-k", 20, "-q"]
    done = invoke("select", *by_column, "--preselected", "picks.parquet")
    assert list(map(int, done.stdout.split())) == found.indices.tolist()
    # Without ids on one side the fingerprint decides.
    with pytest.raises(ValueError, match=r"preselected were made from other data than X: n is 80"):
        pyuniform.select(rows, 20, preselected=sel)


def test_ids_that_no_row_or_several_have(folder: Path) -> None:
    sel = pyuniform.select(with_ids(open_source(X), IDS), 12)
    ids = IDS.copy()
    ids[sel.indices[4]] = "gone"
    with pytest.warns(UserWarning, match=f"11 of 12 picks .* '{IDS[sel.indices[4]]}'"):
        found = pyuniform.select(with_ids(open_source(X), ids), 15, preselected=sel)
    assert found.indices[:11].tolist() == np.delete(sel.indices, 4).tolist()
    with pytest.raises(ValueError, match=r"no row of .* has the id of any of the 12 picks"):
        pyuniform.select(with_ids(open_source(X), np.arange(80)), 15, preselected=sel)
    # Ids that several rows share tell nothing: the fingerprint does.
    shared = np.array(["one"] * 80, object)
    same = pyuniform.select(with_ids(open_source(X), shared), 12)
    again = pyuniform.select(with_ids(open_source(X), shared), 15, preselected=same)
    assert again.indices[:12].tolist() == same.indices.tolist()
    with pytest.raises(ValueError, match=MADE):
        pyuniform.select(with_ids(open_source(OTHERS["shuffled"]), shared), 15, preselected=same)
    same.manifest.clear()
    with pytest.raises(ValueError, match=r"several rows of .* have the id 'one' of a pick"):
        pyuniform.select(with_ids(open_source(X), shared), 15, preselected=same)


def test_h_min_has_the_metric_of_its_selection() -> None:
    sel = pyuniform.select(X, 12, metric="cosine")
    assert pyuniform.h_min(X, sel).distance == sel.h_min
    assert pyuniform.h_min(X, sel, metric="euclidean").distance != sel.h_min


def test_agreement_measures_picks_of_one_embedding_in_another() -> None:
    found = compare(X, {"a": [0, 1, 2]}, embeddings={"other": OTHERS["shuffled"]})
    assert len(found.agreement) == 2
