"""The predicted times of runs on a GPU; without a GPU.

    python -m benchmarks.gpu.cost_model [--write]

It prints the tables of docs/explanation/gpu-cost.md, or writes them there. What they are made of
is counted by `python -m benchmarks.gpu.cost_model.counting`.
"""

from __future__ import annotations

import argparse

from benchmarks import markdown
from benchmarks.gpu.cost_model.counting import committed
from benchmarks.gpu.cost_model.page import PAGE, generated


def main() -> None:
    """Runs as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write them into {PAGE.name}")
    made = generated(committed())
    if parser.parse_args().write:
        markdown.write_between(PAGE, "predicted", made)
    else:
        print(made)


if __name__ == "__main__":
    main()
