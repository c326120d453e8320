from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray on this machine, with four processors."""
    import ray

    # Workers import from where Ray is started: a checkout must not stand in for what is installed.
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("cluster"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
    os.chdir(before)
