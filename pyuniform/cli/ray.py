"""The options of commands that can run on Ray actors."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

import click

from pyuniform._common.optional import need
from pyuniform.sources import Source, check_ids

# For a Ray cluster to answer at its address.
CONNECT_SECONDS = 10.0


def ray_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --ray and --shards; the command gets them as `ray` and `shards`."""
    for option in (
        click.option(
            "--shards",
            type=click.IntRange(min=1),
            help="With --ray: number of actors.  [default: as many as there are free processors]",
        ),
        click.option(
            "--ray",
            is_flag=False,
            flag_value="",
            metavar="[ADDRESS]",
            help="Run on Ray actors of the cluster at ADDRESS, or of this machine without one. "
            "--threads is then the number of each actor, by default 1.",
        ),
    ):
        command = option(command)
    return command


def check_ray(ray: str | None, shards: int | None) -> None:
    """Raises a usage error if the options contradict each other."""
    if ray is None and shards is not None:
        raise click.UsageError("--shards goes with --ray")


def on_ray(
    ray: str, shards: int | None, threads: int | None, source: Source, reading: dict[str, Any]
) -> dict[str, Any]:
    """Starts Ray; returns arguments of the functions of `pyuniform.distributed.ray` about it.

    Parameters
    ----------
    ray, shards, threads
        Of the command.
    source : Source
        The rows, as the command has opened them; their ids have to be sound.
    reading : dict
        Of `reading_options`. Ids are the command's affair.
    """
    check_ids(source)
    _start(ray)
    reads = {name: value for name, value in reading.items() if name != "id_column"}
    return {"shards": shards, "threads": threads or 1, **reads}


def _start(address: str) -> None:
    """Joins the cluster at an address, or starts one on this machine without one."""
    need("ray", "ray", "--ray")
    import ray

    import pyuniform.distributed.ray  # noqa: F401

    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        # Ray itself would try for many minutes.
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        except OSError as error:
            raise ConnectionError(f"no Ray answers at {address}: {error}") from None
    ray.init(
        address or None,
        log_to_driver=False,
        logging_level=logging.ERROR,
        **({} if address else {"include_dashboard": False}),
    )
