"""Shards: rows with their state, in host memory or on a device."""
