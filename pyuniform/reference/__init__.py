"""The specification: every function of the library, in float64 NumPy, one pick at a time."""

from pyuniform.reference.selection import (
    FIRST_ANCHOR,
    LANES,
    NOBODY,
    PACKING_DENSITY,
    Verdict,
    by_score,
    canonical_rows,
    constrained,
    distance2,
    farthest_first,
    h_min_bound,
    neighbours,
    packing_bound,
    ranked_packing,
    to_metric,
)
from pyuniform.reference.starts import STARTS, SUMMED_ROWS, starting_row, sum_of_rows
from pyuniform.reference.thresholding import Packed, gist

__all__ = [
    "FIRST_ANCHOR",
    "LANES",
    "NOBODY",
    "PACKING_DENSITY",
    "STARTS",
    "SUMMED_ROWS",
    "Packed",
    "Verdict",
    "by_score",
    "canonical_rows",
    "constrained",
    "distance2",
    "farthest_first",
    "gist",
    "h_min_bound",
    "neighbours",
    "packing_bound",
    "ranked_packing",
    "starting_row",
    "sum_of_rows",
    "to_metric",
]
