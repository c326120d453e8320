"""The end of a command that Ctrl-C stops: the picks made by then are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pyuniform._common.command_line import INTERRUPTED
from pyuniform.selection.result import Interrupted


class Stopped(click.ClickException):
    """Ctrl-C, of which click would say nothing but that it came."""

    exit_code = INTERRUPTED

    def show(self, file: Any = None) -> None:
        """Prints the message under the command's own name."""
        click.echo(f"pyuniform: {self.message}", file=file, err=True)


def kept_picks(
    stop: Interrupted, picks: Path | None, other: Path | None, checkpoint: Path | None
) -> str:
    """Writes the picks made beside the file that all were for; says where they are.

    Under its own name they would pass for all, and under one name for all runs they would take the
    place of others.
    """
    place = picks or (other and other.with_suffix(".npz"))
    said = [str(stop)]
    if place:
        place = place.with_stem(f"{place.stem}.first-{len(stop.selection)}")
        stop.selection.save(place)
        said.append(f"which are in {place}")
        if "groups" not in stop.selection.manifest.get("constraints", {}):
            said[-1] += ": --resume goes on from them"
    if checkpoint:
        said.append(f"the same command goes on from {checkpoint}")
    elif not place:
        said.append("which are lost without -o or --checkpoint")
    return ", ".join(said)
