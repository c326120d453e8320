"""`python -m benchmarks`: the side-by-side runs."""

from benchmarks.suite.command import main

main()
