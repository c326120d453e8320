"""A model of what a run costs on a GPU: from counts, the compiled kernels and published figures.

It needs no GPU; nothing in it was measured on one. ::

    assembly.py   instructions of a compiled kernel, by loop
    compiled.py   launches of a round, and the kernels compiled for compute capability 9.0
    emulated.py   the rounds of a GPU in NumPy, counted
    clouds.py     a point cloud's, likewise
    counting.py   runs counted at reachable sizes: benchmarks/results/gpu-cost.json
    work.py       the counts of a large run, from those of small ones that stand for it
    devices.py    published figures of devices
    parts.py      clocks of a tile, a row of candidates, a pick
    predict.py    seconds of a run by part, beside its floor
    page.py       tables of docs/explanation/gpu-cost.md
"""
