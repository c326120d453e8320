"""Files of a GIST selection, format by format, and what is none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import pyuniform
from pyuniform.selection.pick_files import FORMATS

X = np.random.default_rng(0).standard_normal((200, 5))
UTILITY = np.random.default_rng(1).random(200)
FOUND = pyuniform.select_gist(X, 8, UTILITY, 1.0)
FAR = pyuniform.select_gist(X, 8, UTILITY, 1e6)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("found", [FOUND, FAR], ids=["one", "pair"])
def test_what_is_saved_is_loaded(
    found: pyuniform.GistSelection, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"picks{suffix}"
    found.save(path)
    again = pyuniform.GistSelection.load(path)
    assert again.indices.tolist() == found.indices.tolist()
    assert again.manifest == found.manifest
    assert again.stats == found.stats
    assert again.curve.as_lists() == found.curve.as_lists()
    assert again.curve.picks.dtype == np.int64
    for name in ("utility", "h_min", "objective", "threshold", "bound", "guarantee"):
        assert getattr(again, name) == getattr(found, name)
    picks = pyuniform.Selection.load(path)
    assert picks.indices.tolist() == found.indices.tolist()
    assert np.isnan(picks.radii).all()


def test_the_farthest_pair_has_an_infinite_threshold() -> None:
    assert len(FAR) == 2
    assert math.isinf(FAR.threshold)
    assert pyuniform.h_min(X, FAR.selection).distance == FAR.h_min


def test_h_min_is_that_of_the_rows() -> None:
    assert pyuniform.h_min(X, FOUND.selection).distance == FOUND.h_min
    assert FOUND.objective == FOUND.utility + FOUND.h_min


def test_other_files_are_none(tmp_path: Path) -> None:
    pyuniform.select(X, 5).save(tmp_path / "picks.npz")
    with pytest.raises(ValueError, match="does not hold a GIST selection"):
        pyuniform.GistSelection.load(tmp_path / "picks.npz")
    with pytest.raises(ValueError, match="must end in"):
        FOUND.save(tmp_path / "picks.txt")


def test_repr_tells_the_objective_and_its_parts() -> None:
    text = repr(FOUND)
    for part in ("GistSelection(k=8", "metric='euclidean'", "objective=", "h_min=", "optimality="):
        assert part in text
