"""One question each, with a command of its own: `python -m benchmarks.studies.NAME --help`."""
