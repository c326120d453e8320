"""Triton kernels and their launchers, installed as ``pyuniform.kernels``.

Empty for now: the GPU carrier brings the first of them.
"""
