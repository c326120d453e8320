"""How good a selection is: metrics, comparisons, baselines and theory, all exact."""

from pyuniform.evaluate.metrics import ClosestPair, Nearest, covering_radius, h_min, nearest
from pyuniform.evaluate.tables import Comparison

__all__ = ["ClosestPair", "Comparison", "Nearest", "covering_radius", "h_min", "nearest"]
