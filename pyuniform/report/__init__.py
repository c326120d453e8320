"""HTML pages: what a person looks at before using a selection, or before deleting duplicates."""

from pyuniform.report.thresholds import write_threshold_report
from pyuniform.report.write import write_report

__all__ = ["write_report", "write_threshold_report"]
