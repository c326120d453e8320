"""A report about a GIST selection draws the trade-off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pyuniform
from pyuniform.cli.main import cli

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

X = np.random.default_rng(0).standard_normal((300, 5)).astype(np.float32)
UTILITY = np.random.default_rng(1).random(300)


def test_the_curve_is_drawn_and_the_rule_is_named(tmp_path: Path) -> None:
    found = pyuniform.select_gist(X, 12, UTILITY, 1.0)
    pyuniform.report.write_report(tmp_path / "r.html", X, found, random_subsets=1)
    page = (tmp_path / "r.html").read_text()
    assert 'id="figure-tradeoff"' in page
    assert f"Utility and smallest distance of {found.curve.complete.sum()} packings" in page
    assert "rows are taken by GIST" in page
    plain = tmp_path / "s.html"
    pyuniform.report.write_report(plain, X, pyuniform.select(X, 12), random_subsets=1)
    assert "tradeoff" not in plain.read_text()


def test_from_a_file_on_the_command_line(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    pyuniform.select_gist(X, 12, UTILITY, 1.0).save(tmp_path / "picks.parquet")
    names = [str(tmp_path / name) for name in ("x.npy", "picks.parquet", "r.html")]
    done = CliRunner().invoke(
        cli, ["report", names[0], "--picks", names[1], "-o", names[2], "--random", "1", "-q"]
    )
    assert done.exit_code == 0, done.output
    assert 'id="figure-tradeoff"' in Path(names[2]).read_text()
