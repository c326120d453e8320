"""Every long command shows how far it is: a bar on a terminal, lines elsewhere, none if quiet."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pyuniform
from pyuniform._common import progress
from pyuniform.cli.main import cli

COMMANDS = {
    "measure": (["measure", "x.npy"], "h_min: "),
    "measure picks": (["measure", "x.npy", "--picks", "p.npz", "--random", "1"], "random subset 0"),
    "compare": (["compare", "x.npy", "p.npz"], "0 of 1 runs measured, now p: "),
    "report": (["report", "x.npy", "--picks", "p.npz", "-o", "r.html"], "report: "),
    "embed": (
        ["embed", "r.jsonl", "--text", "text", "--model", "tfidf", "-o", "e.npy"],
        "2000/2000 texts read for the fit",
    ),
    "outliers": (["select", "x.npy", "-k", "5", "--drop-outliers", "0.9"], "outliers: "),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).standard_normal((600, 8)).astype(np.float32)
    np.save("x.npy", X)
    pyuniform.select(X, 5).save("p.npz")
    texts = [{"text": f"word{i % 7} other{i % 5}"} for i in range(2000)]
    Path("r.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_lines_where_there_is_no_terminal(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if command == "report":
        pytest.importorskip("matplotlib")
        pytest.importorskip("jinja2")
    arguments, said = COMMANDS[command]
    assert said not in CliRunner().invoke(cli, arguments).stderr  # it is over before the first
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.0)
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 0, shown.output
    assert said in shown.stderr
    quiet = CliRunner().invoke(cli, [*arguments, "-q"])
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    if command != "outliers":
        assert quiet.stdout == shown.stdout


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal_ends_without_a_trace() -> None:
    screen = _Terminal()
    with progress.shown_share(stream=screen) as show:
        show(0.0, "first")
        show(1.0, "first")
        show(0.5, "second")
    assert "%" in screen.getvalue()
    assert screen.getvalue().endswith("\r")


def test_a_program_without_standard_error_is_shown_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    X = np.load("x.npy")
    assert len(pyuniform.select(X, 5, progress=True)) == 5
    with progress.shown_share() as show:
        show(0.5, "work")
