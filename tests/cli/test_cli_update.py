"""``pyuniform update``, and ``select --state``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import pyuniform
from pyuniform.cli.main import cli

X = np.random.default_rng(0).standard_normal((90, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x").mkdir()
    np.save("x/1.npy", X[:30])
    np.save("x/2.npy", X[30:60])


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def done(*arguments: object) -> Result:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output or result.exception
    return result


def test_files_of_a_folder_come_and_go() -> None:
    done("select", "x", "-k", 12, "--metric", "cosine", "-o", "picks.npz", "--state", "run.state")
    before = pyuniform.Selection.load("picks.npz")
    np.save("x/0.npy", X[60:])
    Path("x/1.npy").unlink()
    Path("ids.txt").write_text("".join(f"row {i}\n" for i in range(60)))
    arguments = ("x", "--picks", "picks.npz", "--state", "run.state", "--ids", "ids.txt")
    told = done("update", *arguments, "-k", 14, "-o", "picks.npz").output
    found = pyuniform.Selection.load("picks.npz")
    kept = before.indices[before.indices >= 30]
    now = np.r_[X[60:], X[30:60]]
    expected = pyuniform.select(now, 14, metric="cosine", preselected=kept)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.radii, expected.radii)
    assert found.ids is not None
    assert found.ids.tolist() == [f"row {i}" for i in found.indices]
    went = len(before) - len(kept)
    assert found.manifest["update"]["picks_removed"] == before.indices[before.indices < 30].tolist()
    assert f"30 rows came and 30 went; of the picks {went} went, {len(kept)} stay" in told
    assert "a fresh run has h_min" in told
    assert "in place" not in told
    again = done("update", *arguments, "-q").output
    assert [int(line) for line in again.split()] == found.indices.tolist()


def test_a_state_that_is_not_there_is_told_and_made() -> None:
    done("select", "x", "-k", 12, "-o", "picks.npz")
    told = done(
        "update", "x", "--picks", "picks.npz", "-o", "more.npz", "--state", "new.state"
    ).output
    assert "new.state is made now: it cannot tell which rows are new" in told
    assert Path("new.state").exists()


def test_rows_by_number() -> None:
    done("select", "x", "-k", 9, "-o", "picks.json", "-q")
    before = pyuniform.Selection.load("picks.json")
    gone = np.r_[before.indices[3], 59]
    np.save("new.npy", np.r_[X[60:62], np.delete(X[:60], gone, axis=0)])
    Path("gone.txt").write_text("".join(f"{i}\n" for i in gone))
    np.save("added.npy", [0, 1])
    arguments = ("new.npy", "--picks", "picks.json", "--added", "added.npy")
    printed = done("update", *arguments, "--removed", "gone.txt", "-q").output
    expected = pyuniform.update(before, np.load("new.npy"), added=[0, 1], removed=gone)
    assert [int(line) for line in printed.split()] == expected.indices.tolist()
    refused = invoke("update", *arguments, "-q")
    assert refused.exit_code == 1
    assert "must have the 60 old rows" in str(refused.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--picks", "none.npz"), "none.npz"),
        (("--picks", "picks.npz", "-o", "x.csv"), "must end in"),
        (("--picks", "picks.npz", "-o", "run.state", "--state", "run.state"), "run.state"),
        (("--picks", "picks.npz", "--state", "picks.npz"), "picks.npz"),
        (("--picks", "picks.npz", "-k", "3"), "k must be from 9"),
        (("--picks", "picks.npz", "--added", "words.txt"), "words.txt must hold numbers"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], message: str) -> None:
    done("select", "x", "-k", 9, "-o", "picks.npz", "-q")
    Path("words.txt").write_text("one\ntwo\n")
    before = Path("picks.npz").read_bytes()
    result = invoke("update", "x", *arguments, "-q")
    assert result.exit_code == 1
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)
    assert Path("picks.npz").read_bytes() == before


def test_states_are_not_kept_on_ray() -> None:
    result = invoke("select", "x", "-k", 9, "--ray", "--state", "run.state")
    assert result.exit_code == 2
    assert "--state does not go with --ray" in result.output
