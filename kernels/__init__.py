"""The GPU backend's kernels, in Triton, and their launchers; installed as ``pyuniform.kernels``.

Launchers take torch tensors, check nothing that the public door has checked, and never wait for the
device. Jit code is in ``jit/``.
"""
