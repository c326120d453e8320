"""select() and its kin: from keyword arguments to a saved result."""
