"""Bad arguments of a report, libraries that are missing, and pages that are not written whole."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyuniform import Selection
from pyuniform.report import write_report

matplotlib = pytest.importorskip("matplotlib")

pytest.importorskip("jinja2")


from pyuniform.report import facts, figures  # noqa: E402


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"path": "picks.parquet"}, ValueError, r"must end in one of \.html, \.htm"),
        ({"path": "missing/page.html"}, FileNotFoundError, "is not a directory"),
        ({"selection": [1, 2]}, TypeError, "must be a Selection, got list"),
        ({"texts": ["a"] * 699}, ValueError, "texts has 699 entries for the 700 rows"),
        ({"texts": "a" * 700}, TypeError, "texts must be a sequence .* got str"),
        ({"texts": (t for t in "ab")}, TypeError, "texts must be a sequence .* got generator"),
        ({"labels": np.arange(3)}, ValueError, "labels has 3 entries for the 700 rows"),
        ({"metric": "euclidean"}, ValueError, "made with 'cosine'"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"seed": 1.5}, TypeError, "seed must be an integer, got 1.5"),
        ({"random_subsets": -1}, ValueError, "random_subsets must be at least 0"),
        ({"random_subsets": True}, TypeError, "random_subsets must be an integer"),
        ({"sample": 1}, ValueError, "sample must be at least 2, got 1"),
        ({"title": 5}, TypeError, "title must be a string, got int"),
        ({"threads": 0}, ValueError, "threads must be a positive integer"),
        ({"device": "tpu"}, ValueError, "device must be"),
    ],
)
def test_bad_arguments(
    options: dict[str, Any],
    error: type[Exception],
    message: str,
    data: np.ndarray,
    selection: Selection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts, "measure", lambda *_: pytest.fail("work was begun"))
    given = {"path": "page.html", "selection": selection} | options
    path = tmp_path / given.pop("path")
    with pytest.raises(error, match=message):
        write_report(path, data, given.pop("selection"), **given)
    assert list(tmp_path.iterdir()) == []


def test_other_data_are_refused(
    data: np.ndarray, selection: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "measure", lambda *_: pytest.fail("work was begun"))
    changed = data.copy()
    changed[99, 9] += np.float16(0.25)
    for other, message in (
        (changed, "fingerprint is '.*' there, '.*' here"),
        (data[:-1], "n is 700 there, 699 here"),
        (data[:, :-1], "d is 384 there, 383 here"),
        (data.astype(np.float32), "dtype is 'float16' there, 'float32' here"),
    ):
        with pytest.raises(ValueError, match=f"picks were made from other data than X: {message}"):
            write_report(tmp_path / "page.html", other, selection)
    bare = Selection(selection.indices, np.full(80, np.nan), np.nan)
    beyond = dataclasses.replace(selection, indices=selection.indices + 690)
    for wrong, message in (
        (bare, "does not say what it was made from"),
        (dataclasses.replace(selection, manifest={}), "does not say what it was made from"),
        (beyond, "picks must be row numbers from 0 to 699"),
    ):
        with pytest.raises(ValueError, match=message):
            write_report(tmp_path / "page.html", data, wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_without_its_libraries(
    library: str,
    data: np.ndarray,
    selection: Selection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    message = rf"cannot be written without {library}: pip install 'pyuniform\[plot\]'"
    with pytest.raises(ValueError, match=message):
        write_report(tmp_path / "page.html", data, selection)
    assert list(tmp_path.iterdir()) == []


def test_the_package_is_imported_without_its_libraries() -> None:
    code = "import pyuniform.report, sys; print(bool({'matplotlib', 'jinja2'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("where", ["while drawing", "while writing"])
def test_whole_or_not_at_all(
    where: str,
    data: np.ndarray,
    selection: Selection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    def fail(*_: Any) -> None:
        raise OSError("no space left")

    path = tmp_path / "page.html"
    path.write_text("an older page")
    if where == "while drawing":
        monkeypatch.setattr(figures, "draw", fail)
    else:
        monkeypatch.setattr(figures, "draw", lambda *_: {})
        monkeypatch.setattr("pyuniform.report.page.render", lambda *_: "a page")
        monkeypatch.setattr("os.fsync", fail)
    monkeypatch.setattr(facts, "measure", lambda *_: None)
    with pytest.raises(OSError, match="no space left"):
        write_report(path, data, selection)
    assert path.read_text() == "an older page"
    assert list(tmp_path.iterdir()) == [path]
