"""The exact lazy greedy loop, and the backends that carry it out."""
