"""The result of a run, and its files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import written_whole
from pyuniform._common.notebook import html_table
from pyuniform._common.optional import need
from pyuniform._engine.rows.host import prepare
from pyuniform.selection.pick_files import Picks, encoded, read_picks, write_picks
from pyuniform.selection.radius_plot import draw, random_h_min


@dataclass(frozen=True, eq=False)
class Selection:
    """Picked rows in pick order; every prefix is the greedy answer for its size.

    Attributes
    ----------
    indices : ndarray of int64, shape (k,)
        Row numbers in pick order.
    radii : ndarray of float64, shape (k,)
        The distance, in the metric's unit (a length, or 1 - cos), at which each was taken; it never
        grows, and ``radii[0]`` is inf.
    covering_radius : float
        The largest distance of any row to its nearest pick: 0 if all rows are picked, NaN if the
        selection comes from a file that does not say.
    manifest : dict
        Of the run: metric, start, n, d, dtype, fingerprint of the data, version, seconds.
    stats : dict
        Work done: rounds; row-pick pairs by what looked at them; multiply-adds by kind, padding
        included; rows relaxed, taken up again, parked. docs/development/performance.md lists them.
    rounds : list of dict
        How the run unfolded: after each round the picks made, the squared radius and threshold, and
        the work so far. Not kept in files, see `save_trace`.
    ids : ndarray of int or object (str), shape (k,), or None
        Record ids of the picks, where the rows come from a source that has ids.
    h_min_bounds : ndarray of float64, shape (k,), or None
        Proven upper bounds, in the metric's unit: no m rows that may be picked, the preselected
        ones among them, have a larger h_min than ``h_min_bounds[m - 1]``. None where nothing is
        proven: in files of picks by others, and without a pass over all rows.
    """

    indices: NDArray[np.int64]
    radii: NDArray[np.float64]
    covering_radius: float
    manifest: dict[str, Any] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)
    rounds: list[dict[str, float]] = field(default_factory=list)
    ids: NDArray[Any] | None = None
    h_min_bounds: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        name, distance = self.smallest
        share = self.optimality
        known = "" if share != share else f", optimality={share:.3g}"
        return (
            f"Selection(k={len(self)}, metric={self.manifest.get('metric')!r}, "
            f"{name.replace(' ', '_')}={distance:.6g}, covering_radius={self.covering_radius:.6g}"
            f"{known})"
        )

    def _facts(self) -> list[tuple[str, str]]:
        """What `summary` tells, each with its name."""
        name, distance = self.smallest
        found = [("picks", f"{len(self):,}")]
        if "n" in self.manifest:
            n = self.manifest["n"]
            found[0] = ("picks", f"{len(self):,} of {n:,} rows ({len(self) / n:.2%})")
        found.append(("metric", str(self.manifest.get("metric", "unknown"))))
        found.append((name, f"{distance:.6g}"))
        if self.covering_radius == self.covering_radius:
            found.append(("covering radius", f"{self.covering_radius:.6g}"))
        if self.optimality == self.optimality:
            found.append(("proven share of the best h_min", f"at least {self.optimality:.1%}"))
        found += [(f"constraint: {key}", f"{value}") for key, value in self.constraints.items()]
        if self.shortfall:
            found.append(("note", self.shortfall))
        if "seconds" in self.manifest:
            found.append(("seconds", f"{self.manifest['seconds']:.3g}"))
        return found

    def summary(self) -> str:
        """How many rows were picked, how far apart they are, how near to the best: a line each."""
        facts = self._facts()
        width = max(len(name) for name, _ in facts)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in facts)

    def _repr_html_(self) -> str:
        return html_table("Selection", self._facts())

    def plot(self, X: Any = None, *, axes: Any = None) -> Any:
        """Draws the radii in pick order, which are the h_min of every prefix.

        Parameters
        ----------
        X : array_like, shape (N, d), optional
            The rows that were selected from, in host memory: with them the h_min of random rows is
            drawn too, for up to as many, the median of three draws and from where to where.
        axes : matplotlib.axes.Axes, optional
            Where to draw; by default on new ones.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError, TypeError
            As for `pyuniform.select`; X is other data; there are fewer than two picks; matplotlib
            is not installed.
        """
        if len(self) < 2:
            raise ValueError(f"a plot needs at least two picks, got {len(self)}")
        pyplot = need("matplotlib.pyplot", "plot", "radii", "drawn") if axes is None else None
        metric, random = self.manifest.get("metric", "euclidean"), None
        if X is not None:
            rows = prepare(X, metric)
            self.check_made_from(rows)
            random = random_h_min(rows, len(self))
        if pyplot is not None:
            axes = pyplot.subplots(layout="constrained")[1]
        draw(axes, self.radii, self.h_min_bounds, metric, random)
        return axes

    @property
    def smallest(self) -> tuple[str, float]:
        """The smallest known distance and its name: with anchors, the radius and not `h_min`."""
        if len(self) > 1 and "anchors" in self.constraints:
            return "smallest radius", float(self.radii.min())
        return "h_min", self.h_min

    @property
    def h_min(self) -> float:
        """The smallest distance between two picks, in the metric's unit; inf for one pick or none.

        It is the smallest radius after the first. With anchors, to which radii are distances too,
        it is unknown, NaN: `pyuniform.h_min(X, selection)` measures it.
        """
        if len(self) < 2:
            return float("inf")
        return float("nan") if "anchors" in self.constraints else float(self.radii[1:].min())

    @property
    def optimality(self) -> float:
        """A proven lower bound of h_min, as a share of the largest h_min that any k rows can have.

        It is a ratio of lengths, for cosine of chords, sqrt(2 - 2 cos). 1 is the best there is,
        also for a single pick. It is 1/2 or more, but for rounding, without weights and groups. The
        k rows are any that may be picked, the preselected ones among them; with anchors the
        smallest radius stands for h_min. NaN where nothing is proven: see `h_min_bounds`.
        docs/explanation/optimality.md has the proofs.
        """
        if self.h_min_bounds is None or not len(self):
            return float("nan")
        distance, bound = self.smallest[1], float(self.h_min_bounds[-1])
        if len(self) == 1:
            return float("nan") if "anchors" in self.constraints else 1.0
        ratio = 1.0 if bound == 0 else distance / bound
        return ratio**0.5 if self.manifest.get("metric") == "cosine" else ratio

    @property
    def constraints(self) -> dict[str, Any]:
        """The constraints that were in force, as the manifest tells them."""
        return self.manifest.get("constraints", {})

    @property
    def shortfall(self) -> str:
        """Why there are no picks, or fewer than were asked for; empty where that is not so."""
        picked, asked = self.manifest.get("k", len(self)), self.manifest.get("asked_for")
        if asked is None and len(self):
            return ""
        count = f"{picked} rows were picked" + (f", of {asked} asked for" if asked else "")
        why = "may be picked"
        if "min_distance" in self.constraints and (picked or "near_anchors" in self.manifest):
            some = {"exclude", "weights", "groups"} & set(self.constraints)
            why = "that may be picked " if some else ""
            why += f"is {self.constraints['min_distance']:g} or more from picks and anchors"
        return f"{count}: no {'other ' if picked else ''}row {why}"

    def check_made_from(self, data: Any, name: str = "picks") -> None:
        """Raises ValueError if the manifest says that the picks are rows of other data.

        Parameters
        ----------
        data : Data or Rows
            Checked rows: whatever has n, d, dtype and fingerprint. An empty fingerprint is unknown.
        name : str
            Of the selection, for the message.
        """
        for fact in ("n", "d", "dtype", "fingerprint"):
            here = getattr(data, fact)
            there = self.manifest.get(fact, here)
            if here and there != here:
                raise ValueError(
                    f"{name} were made from other data than X: {fact} is {there!r} there, {here!r} "
                    "here. To take them as row numbers of X all the same, pass these alone"
                )

    @property
    def preselected(self) -> int:
        """How many of the picks, the first ones, were not chosen but given."""
        return self.manifest.get("preselected", 0)

    def prefix(self, k: int) -> Selection:
        """The selection of the first k picks: the greedy answer for k, at no cost.

        Its covering radius is the radius of the pick that comes next; it is unknown, NaN, if that
        need not be the farthest row: with weights, groups, and among preselected rows.
        With groups it is the first part of an answer, and not one for smaller quotas. Manifest and
        stats stay those of the run.
        """
        if not len(self):
            raise ValueError("the selection is empty, and has no prefix")
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= len(self):
            raise ValueError(f"k must be an integer from 1 to {len(self)}, got {k!r}")
        if k == len(self):
            return self
        nearer = {"weights", "groups"} & set(self.constraints)
        known = not nearer and k >= self.preselected
        return replace(
            self,
            indices=self.indices[:k],
            radii=self.radii[:k],
            covering_radius=float(self.radii[k]) if known else float("nan"),
            ids=None if self.ids is None else self.ids[:k],
            h_min_bounds=None if self.h_min_bounds is None else self.h_min_bounds[:k],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the picks to a file, whole or not at all; the suffix says how.

        ``.parquet`` has the columns ``id`` (if there are ids), ``row``, ``order`` (0 to k - 1),
        ``radius`` and, if it is known, ``h_min_bound``; ``.jsonl`` has an object a line with the
        same names, null where a distance is infinite; ``.npy`` holds the row numbers alone. All
        that an .npy or .jsonl file has no place for is in ``<path>.json`` beside it. ``.npz`` and
        ``.json`` hold everything, under the names
        of the attributes.

        Raises
        ------
        ValueError, TypeError
            Unknown suffix; ids that are neither integers nor strings, or, for .npz, end in NUL.
        OSError
            The file cannot be written.
        """
        covering = None if np.isnan(self.covering_radius) else self.covering_radius
        record = {"manifest": self.manifest, "stats": self.stats, "covering_radius": covering}
        write_picks(
            Path(path), Picks(self.indices, self.radii, self.ids, record, self.h_min_bounds)
        )

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes manifest, stats and rounds to a JSON file, whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        record = {"manifest": self.manifest, "stats": self.stats, "rounds": self.rounds}
        with written_whole(Path(path)) as out:
            out.write(encoded(record))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Selection:
        """Reads what `save` wrote.

        Files by others will do: an .npy of row numbers, or a .parquet or .jsonl file with ``row``.
        What is not there is unknown: radii, covering radius and optimality are NaN then.

        Raises
        ------
        ValueError
            Unknown suffix, or the file does not hold a selection.
        OSError
            The file cannot be read.
        """
        rows, radii, ids, record, bounds = read_picks(Path(path))
        covering = record.get("covering_radius")
        return cls(
            rows,
            radii,
            float("nan") if covering is None else covering,
            record.get("manifest", {}),
            record.get("stats", {}),
            ids=ids,
            h_min_bounds=bounds,
        )


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came while rows were picked. What was picked by then is an answer for fewer picks.

    Attributes
    ----------
    selection : Selection
        The picks made: the first ones of those that the whole run would have made. Its covering
        radius may be NaN, which is unknown; ``manifest["interrupted"]`` is True. But for groups
        `pyuniform.select` goes on from it by ``resume``.
    """

    def __init__(self, selection: Selection) -> None:
        super().__init__(f"interrupted after {len(selection)} picks")
        self.selection = selection
