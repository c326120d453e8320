"""Rows, checked once: in host memory, on disk, or on a device."""
