from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import fake_peers
import numpy as np
import pytest
from click.testing import CliRunner

import pyuniform
from benchmarks import data, markdown, results
from benchmarks.environment import environment
from benchmarks.suite import cases, command, exact, isolated, plots, schedule, tables
from benchmarks.suite.cases import Case, Settings
from benchmarks.suite.greedy import greedy_until
from benchmarks.suite.peers import PEERS
from benchmarks.suite.rows import KERNELS, RUNS, Kernel, Run

SETTINGS = Settings("quick", repeats=2, enough=10.0, limit=2.0, reference=1e6)


def find(name: str) -> object:
    return next(peer for peer in fake_peers.PEERS if peer.name == name)


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2_100, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def rows(X: np.ndarray) -> dict[str, Run]:
    case = Case("selection", "gaussian", len(X), 3, 12, 1, tuple(fake_peers.PEERS))
    return {row.tool: row for row in schedule.run_case(case, X, SETTINGS, schedule.History())}


@pytest.fixture
def file(tmp_path: Path, X: np.ndarray) -> Path:
    np.save(tmp_path / "rows.npy", X)
    return tmp_path / "rows.npy"


def test_a_right_peer_is_timed_and_judged(rows: dict[str, Run], X: np.ndarray) -> None:
    row = rows["right"]
    assert (row.status, row.repeats, row.version) == ("ok", 2, np.__version__)
    assert row.p20 <= row.seconds <= row.p80
    assert (row.agreeing, row.checked, row.distinct) == (12, 7, 12)
    picks = pyuniform.select(X, 12)
    assert row.h_min == picks.h_min
    assert row.covering_radius == picks.covering_radius
    assert row.mean_distance == pytest.approx(pyuniform.nearest(X, picks).distance.mean())
    assert row.mode == "quick"
    assert row.commit
    assert "/" not in row.machine


def test_a_peer_may_begin_elsewhere(rows: dict[str, Run]) -> None:
    assert rows["from elsewhere"].agreeing == 12


@pytest.mark.parametrize(
    ("name", "status", "note"),
    [
        ("wrong", "wrong", "pick 1 of a part of the rows is not the farthest row"),
        ("out of range", "wrong", "a pick is out of range"),
        ("missing", "missing", "No module named 'no_such_package_at_all'"),
        ("slow", "too slow", "more than 1 s"),
        ("failing", "failed", "RuntimeError: no luck with ..."),
        ("dying", "failed", ""),
        ("narrow", "not tried", "takes at most 2 columns"),
    ],
)
def test_what_is_not_timed_says_why(
    rows: dict[str, Run], name: str, status: str, note: str
) -> None:
    row = rows[name]
    assert (row.status, row.note, row.seconds, row.h_min) == (status, note, None, None)


def test_rows_named_twice_count_once(rows: dict[str, Run]) -> None:
    assert rows["twice"].distinct == 6
    assert rows["twice"].agreeing is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_that_of_the_run(rows: dict[str, Run]) -> None:
    assert 35 < rows["hungry"].peak_mib < 60
    assert rows["twice"].peak_mib < 10


def test_a_peer_that_does_not_get_ready_is_ended(file: Path) -> None:
    outcome = isolated.measure(find("right"), file, 5, 1, limit=1.0, setup=-0.999)
    assert outcome.status == "too slow"


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    found = environment(3)
    assert "OPENBLAS_CORETYPE" not in found
    assert "OMP_WAIT_POLICY" not in found
    assert found["OMP_NUM_THREADS"] == found["OPENBLAS_NUM_THREADS"] == "3"


def test_what_is_hopeless_or_missing_is_not_tried_again() -> None:
    history, tool = schedule.History(), find("right")
    small = Case("selection", "gaussian", 1_000, 3, 10, 1, (tool,))
    history.learn(tool, small, isolated.Outcome("ok", 1.0), 10.0)
    assert history.refusal(tool, dataclasses.replace(small, n=2_000), 10.0) is None
    refused = history.refusal(tool, dataclasses.replace(small, n=30_000), 10.0)
    assert refused.status == "not tried"
    assert refused.note.startswith("at least 1 s for gaussian, 10 of 1,000")
    history.learn(tool, small, isolated.Outcome("ok", 0.5), 10.0)  # the fastest run counts
    assert history.refusal(tool, dataclasses.replace(small, n=30_000), 10.0) is None
    small = dataclasses.replace(small, k=20)
    history.learn(tool, small, isolated.Outcome("too slow"), 10.0)
    refused = history.refusal(tool, dataclasses.replace(small, d=4), 10.0)
    assert refused.note.startswith("at least 10 s for gaussian, 20 of 1,000")
    assert history.refusal(tool, dataclasses.replace(small, k=19), 10.0) is None
    assert history.refusal(tool, dataclasses.replace(small, n=30_000, d=1, threads=2), 10.0) is None
    history.learn(tool, small, isolated.Outcome("missing", note="gone"), 10.0)
    assert history.refusal(tool, small, 10.0).note == "gone"


def test_greedy_until(X: np.ndarray) -> None:
    picks = pyuniform.reference.farthest_first(X, 20)[0]
    assert greedy_until(X, picks) == 20
    picks[7] = picks[3]
    assert greedy_until(X, picks) == 7


def test_equal_rows_are_as_good() -> None:
    X = np.repeat(np.arange(6, dtype=np.float32) ** 2, 2)[:, None]
    answer = exact.Answer(X, 5, 1)
    picks = pyuniform.select(X, 5).indices
    assert answer.agreeing(picks) == 5
    assert answer.agreeing(np.array([picks[0], *(picks[1:] ^ 1)])) == 5
    assert answer.agreeing(picks[[0, 1, 2, 4, 3]]) == 3


def test_nothing_is_timed_if_ours_is_wrong(X: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        exact.reference, "farthest_first", lambda rows, k: (np.arange(k), np.zeros(k))
    )
    with pytest.raises(SystemExit, match="nothing is timed"):
        exact.Answer(X, 5, 1)


@pytest.mark.parametrize("name", ["embeddings", *data.MAKERS])
def test_data(name: str) -> None:
    d = 3 if name == "points" else 24
    X = data.make(name, 5_000, d)
    assert X.shape == (5_000, d)
    assert X.dtype == np.float32
    assert X.flags.c_contiguous
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(X, data.make(name, 5_000, d))
    distinct = len(np.unique(X, axis=0))
    assert distinct == (4_500 if name == "duplicates" else 5_000)


def test_given_embeddings(file: Path, X: np.ndarray) -> None:
    np.testing.assert_array_equal(data.make("given embeddings", 2_000, 3, file), X[:2_000])
    assert data.make("given embeddings", 3_000, 2, file).shape == (3_000, 2)
    with pytest.raises(ValueError, match="4 columns are wanted, the embeddings have 3"):
        data.make("given embeddings", 10, 4, file)


def test_names_are_unique_and_peers_are_found_again() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    for peer in PEERS:
        assert peer in sys.modules[peer.run.__module__].PEERS


def test_files_give_back_what_was_written(rows: dict[str, Run], tmp_path: Path) -> None:
    path = tmp_path / "some" / "runs.csv"
    results.write(list(rows.values()), Run, path)
    for before, after in zip(rows.values(), results.read(Run, path), strict=True):
        for field in dataclasses.fields(Run):
            kept, found = getattr(before, field.name), getattr(after, field.name)
            assert found == (pytest.approx(kept, rel=1e-5) if isinstance(kept, float) else kept)
    assert results.read(Kernel, tmp_path / "none.csv") == []


def test_tables_show_what_lost_and_what_is_missing(rows: dict[str, Run], tmp_path: Path) -> None:
    ours = dataclasses.replace(rows["right"], tool="pyuniform", seconds=0.1)
    theirs = dataclasses.replace(rows["right"], seconds=0.05)
    slow = dataclasses.replace(rows["slow"], limit=10.0)
    results.write([ours, theirs, slow, rows["missing"]], Run, tmp_path / RUNS)
    kernel = Kernel("nearest", "ours", "1", "float32", 0.5, 0.4, 0.6, 3, n=10, d=2, picks=3)
    results.write([kernel], Kernel, tmp_path / KERNELS)
    tables.write_report(tmp_path)
    lines = (tmp_path / tables.REPORT).read_text().splitlines()
    title = f"{ours.dataset}, {ours.n:,} × {ours.d}, k = {ours.k:,}"  # noqa: RUF001
    table = [line for line in lines[lines.index(f"## {title}") :] if line.startswith("|")]
    assert table[2].startswith(f"| right {np.__version__} | exact greedy | 0.05 ")
    assert "| 0.5 |" in table[2]  # half of our time, and first
    assert table[3].startswith("| pyuniform ")
    assert any("| missing: No module named" in line for line in table)
    assert any("| too slow: more than 1 s |" in line for line in table)
    assert any("| 500 (400 to 600) |" in line for line in table)
    assert (tmp_path / plots.PLOTS["selection"]).stat().st_size > 0
    chart = (tmp_path / plots.SPEED).read_text()
    assert f"<!-- {title}  (0.1 s) -->" in chart
    said = tables.summary([ours, theirs, slow])
    assert "| **0.1 s** | right: 0.5 |" in said


def test_committed_documents_are_what_the_files_give() -> None:
    for path, text in tables.documents().items():
        assert path.read_text() == text, f"{path.name}: run `python -m benchmarks.suite.tables`"


def test_what_stands_between_markers_is_replaced() -> None:
    begin, end = "<!-- some: made by a command -->", "<!-- some: end -->"
    others = "<!-- other: made by another -->\nkept\n<!-- other: end -->\n"
    text = f"a\n{begin}\nold\n{end}\nb\n{others}"
    made = markdown.between(text, "some", "new")
    assert made == f"a\n{begin}\n\nnew\n\n{end}\nb\n{others}"
    assert markdown.between(made, "some", "new") == made
    for wrong in ("a", text.replace(end, ""), text + begin):
        with pytest.raises(ValueError, match="markers of 'some'"):
            markdown.between(wrong, "some", "new")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = (find("right"), find("missing"))
    monkeypatch.setattr(
        cases,
        "selections",
        lambda quick, threads: [Case("selection", "points", 500, 3, 5, 1, tools)],
    )
    monkeypatch.setattr(
        cases, "growth", lambda quick, threads: [Case("growth N", "spectrum", 300, 8, 4, 1, tools)]
    )
    run = CliRunner().invoke(
        command.main, ["--quick", "--only", "selection,growth", "--out", str(tmp_path)]
    )
    assert run.exit_code == 0, run.output
    found = results.read(Run, tmp_path / RUNS)
    assert [(row.part, row.status) for row in found] == [
        ("selection", "ok"),
        ("selection", "missing"),
        ("growth N", "ok"),
        ("growth N", "missing"),
    ]
    assert (tmp_path / plots.PLOTS["growth"]).exists()


def test_a_case_that_memory_does_not_hold_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = (Case("selection", "points", n, 3, 5, 1, (find("right"),)) for n in (500, 600))
    monkeypatch.setattr(cases, "selections", lambda quick, threads: [small, large])
    monkeypatch.setattr(cases, "growth", lambda quick, threads: [])
    monkeypatch.setattr(command, "available_memory", lambda: small.memory)
    run = CliRunner().invoke(
        command.main, ["--quick", "--only", "selection", "--out", str(tmp_path)]
    )
    assert run.exit_code == 0, run.output
    assert run.output.count("left out") == 1
    assert [row.n for row in results.read(Run, tmp_path / RUNS)] == [500]


def test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    every = cases.selections(False, 2) + cases.growth(False, 2)
    parts, chosen = command._choose("points,fpsample,pyuniform", every)
    assert parts == ["selection", "growth"]
    assert {case.dataset for case in chosen} == {"points"}
    assert {tool.name for case in chosen for tool in case.tools} == {"fpsample", "pyuniform"}
    assert command._choose("kernels", every) == (["kernels"], [])
    assert command._choose("", every) == (list(command.PARTS), every)
    with pytest.raises(Exception, match="nonsense; known: selection"):
        command._choose("nonsense", every)
