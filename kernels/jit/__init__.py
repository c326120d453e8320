"""Triton code only: what runs on the device. Launchers stand one directory up."""
