from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pyuniform._common.native import (
    active_instruction_set,
    instruction_sets,
    select_instruction_set,
)

ROOT = Path(__file__).parent.parent
DATA = ROOT / "examples" / "data"
# For benchmarks/. Last: the installed pyuniform comes before the checkout's sources.
sys.path.append(str(ROOT))


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the options
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run all tests in a process a core, and named ones in this process; `-n` says otherwise."""
    options = config.option
    all_of_them = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    untold = getattr(options, "numprocesses", 0) is None  # it is not there without the plugin
    if all_of_them and untold and not options.usepdb and not hasattr(config, "workerinput"):
        options.numprocesses, options.maxprocesses, options.dist = "auto", 8, "worksteal"


@pytest.fixture(scope="session", autouse=True)
def outside_the_checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run in an empty folder: `python -c` and `-m` import from the working directory first.

    The checkout holds the package's sources, and no compiled core unless it was built in place.
    """
    before = os.getcwd()
    # Where it is ignored, as in a job in the background, children would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(tmp_path_factory.mktemp("empty"))
    yield
    os.chdir(before)


*_LESSER, _BEST = instruction_sets()


@pytest.fixture(params=[*(pytest.param(name, marks=pytest.mark.slow) for name in _LESSER), _BEST])
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = active_instruction_set()
    select_instruction_set(request.param)
    yield request.param
    select_instruction_set(before)


@pytest.fixture(scope="session")
def wordnet() -> np.ndarray:
    return np.load(DATA / "wordnet.npy")
