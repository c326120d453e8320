"""``pyuniform plan``."""

from __future__ import annotations

import json
from typing import Any

import click

from pyuniform._common.array_input import DTYPES
from pyuniform.cli.help import Command
from pyuniform.cli.options import Count
from pyuniform.distributed.plan import MEASURED, Plan, plan


@click.command("plan", cls=Command)
@click.option("--rows", type=Count(), required=True, help="Number of rows, such as 1e9.")
@click.option("--dim", type=Count(), required=True, help="Dimensions of a row.")
@click.option("-k", "--k", type=Count(), required=True, help="Number of rows to pick.")
@click.option("--gpus", type=Count(), default=0, help="Number of GPUs, all machines together.")
@click.option("--cpus", type=Count(), default=0, help="Instead of --gpus: number of processors.")
@click.option("--shards", type=Count(), help="Number of shards.  [default: one for each GPU, or 1]")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True)
@click.option("--out-of-core", is_flag=True, help="Leave rows on disk, or in host memory for GPUs.")
@click.option(
    "--network",
    type=float,
    default=10.0,
    show_default=True,
    help="Network of a shard, in gigabits a second.",
)
@click.option(
    "--reading",
    type=float,
    default=8.0,
    show_default=True,
    help="Reading speed of a shard, in gigabits a second.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan_command(as_json: bool, **arguments: Any) -> None:
    """Estimate the memory, rounds, traffic and time of a selection."""
    found = plan(arguments.pop("rows"), arguments.pop("dim"), arguments.pop("k"), **arguments)
    click.echo(json.dumps(found.as_dict()) if as_json else described(found, **arguments))


def described(found: Plan, gpus: int, cpus: int, **_: Any) -> str:
    """An estimate in some lines."""
    who = f"{gpus:,} GPUs" if gpus else f"{cpus:,} processors"
    shards = f"{found.shards:,} shard{'' if found.shards == 1 else 's'}"
    lines = [f"{found.k:,} of {found.rows:,} rows of {found.dim:,}, on {who} in {shards}", ""]
    *parts, total = found.memory.items()
    listed = " + ".join(f"{name} {size(value)}" for name, value in parts if value)
    lines.append(f"memory    {size(total[1])} a shard: {listed}")
    lines.append(f"rounds    about {found.rounds:,}")
    if found.shards > 1:
        lines.append(
            f"traffic   {size(found.round_bytes)} a round to each, {size(found.total_bytes)} in all"
        )
    *parts, total = found.seconds.items()
    listed = " + ".join(f"{name} {duration(value)}" for name, value in parts if value)
    lines.append(f"time      about {duration(total[1])}: {listed}")
    lines.append(f"          {found.share:.1%} of the multiply-adds of a loop over rows and picks")
    lines.append("")
    lines.append(f"Constants: {MEASURED['origin']}.")
    lines += [f"Beyond what was measured: {what}." for what in found.beyond]
    return "\n".join(lines)


def size(value: float) -> str:
    """Bytes for a reader."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e3:.3g} kB"


def duration(seconds: float) -> str:
    """Seconds for a reader."""
    for unit, scale in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds:.3g} s"
