"""The side-by-side runs: pyuniform and its peers on the same cases, as tables and plots."""
