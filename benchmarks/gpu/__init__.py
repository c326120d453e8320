"""Stages that test and time the kernels on a GPU, and a model of their cost that needs no GPU."""
