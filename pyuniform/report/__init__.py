"""One HTML page about a selection: what a person looks at before using it."""

from pyuniform.report.write import write_report

__all__ = ["write_report"]
