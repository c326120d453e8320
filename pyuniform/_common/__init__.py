"""Shared by all layers: validation, files, progress, threads, optional imports."""
