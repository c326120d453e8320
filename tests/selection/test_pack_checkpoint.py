"""A packing that was ended goes on from its checkpoint, with the same result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packed import assert_packing, expected, packing_options

import pyuniform
from pyuniform._engine import packer as engine
from pyuniform.selection import checkpoint as checkpoints

X = np.random.default_rng(0).standard_normal((900, 12)).astype(np.float32)
R = 3.4


class Ended(Exception):
    pass


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BLOCK_ROWS", 100)
    monkeypatch.setattr(checkpoints, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoints, "SHARE", np.inf)


def end_at(rows: int) -> Any:
    def progress(decided: int, taken: int) -> None:
        if decided > rows:
            raise Ended

    return progress


def ended(path: Path, **options: Any) -> None:
    with pytest.raises(Ended):
        pyuniform.pack(X, R, checkpoint=path, progress=end_at(400), **options)


NAMES = [(), ("scores",), ("anchors", "exclude"), ("scores", "groups"), ("scores", "k")]


@pytest.mark.parametrize("names", NAMES, ids="+".join)
@pytest.mark.parametrize("how", [{}, {"out_of_core": True}], ids=["memory", "disk"])
def test_the_result_is_that_of_one_run(
    names: tuple[str, ...], how: dict[str, Any], tmp_path: Path
) -> None:
    options = packing_options(X, names) | ({"k": 140} if "k" in names else {})
    path = tmp_path / "run.ckpt"
    ended(path, **options)
    decided: list[int] = []
    packing = pyuniform.pack(
        X, R, checkpoint=path, progress=lambda rows, _: decided.append(rows), **options, **how
    )
    assert decided[0] == 500
    assert_packing(packing, expected(X, R, "euclidean", options))
    again = pyuniform.pack(X, R, checkpoint=path, progress=end_at(0), **options)  # it is over
    assert_packing(again, expected(X, R, "euclidean", options))
    assert again.stats == packing.stats == pyuniform.pack(X, R, **options).stats


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_distance": 3.0}, "constraints is"),
        ({"k": 7}, "k is None there and 7 here"),
        ({"scores": np.arange(900)}, "constraints is"),
        ({"X": X + 1}, "fingerprint of the data"),
    ],
)
def test_other_runs_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    ended(path)
    arguments = {"X": X, "min_distance": R, "checkpoint": path, **change}
    with pytest.raises(ValueError, match=message):
        pyuniform.pack(**arguments)


def test_a_checkpoint_of_a_selection_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    pyuniform.select(X, 5, checkpoint=path)
    with pytest.raises(ValueError, match="is of another run"):
        pyuniform.pack(X, R, checkpoint=path)


def test_what_a_file_says_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    ended(path)
    with np.load(path) as archive:
        good = dict(archive)
    out = int(np.flatnonzero(good["state/by"] >= 0)[0])
    for name, row, value in [
        ("verdicts", 899, 0),
        ("verdicts", out, 9),
        ("by", out, 899),
        ("by", out, -2),
        ("by", out, 10**6),
        ("distance2", out, R * R * 1.1),
        ("distance2", 0, 1.0),
        ("verdicts", 0, 4),
    ]:
        bad = {key: array.copy() for key, array in good.items()}
        bad[f"state/{name}"][row] = value
        with open(path, "wb") as file:
            np.savez(file, **bad)
        with pytest.raises(ValueError, match="no packing can have found"):
            pyuniform.pack(X, R, checkpoint=path)
