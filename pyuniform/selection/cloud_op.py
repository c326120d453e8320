"""Point clouds as an operator of torch: ``torch.ops.pyuniform.select_clouds``.

`torch.compile` takes it as one operation. The operator is registered when this module is imported:
with pyuniform if torch is there already, and otherwise by the first tensor that
`pyuniform.select_clouds` is given.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from pyuniform.selection.cloud_run import run_clouds

NAME = "pyuniform::select_clouds"
SCHEMA = (
    "select_clouds(Tensor clouds, SymInt? k=None, float? ratio=None, Tensor? counts=None, "
    "Tensor? ratios=None, Tensor? lengths=None, Tensor? mask=None, Tensor? batch=None, "
    "Tensor? ptr=None, Tensor? start=None, Tensor? seed=None, int? threads=None) "
    "-> (Tensor indices, Tensor radii)"
)


def is_traced() -> bool:
    """True while torch traces the caller."""
    return bool(torch.compiler.is_compiling())


def traced(
    clouds: torch.Tensor,
    device: str,
    threads: int | None,
    k: Any,
    ratio: Any,
    lengths: Any,
    mask: Any,
    batch: Any,
    ptr: Any,
    start: Any,
    seed: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The operator's call for the arguments of `select_clouds`, while torch traces it.

    Raises
    ------
    ValueError
        A device is named.
    """
    if device != "auto":
        raise ValueError(f"device must be 'auto' in torch.compile, got {device!r}")
    one_k = k is None or isinstance(k, (int, torch.SymInt))
    one_ratio = ratio is None or isinstance(ratio, float)
    return torch.ops.pyuniform.select_clouds(
        clouds.detach(),
        k if one_k else None,
        ratio=ratio if one_ratio else None,
        counts=None if one_k else _tensor(k),
        ratios=None if one_ratio else _tensor(ratio),
        lengths=_tensor(lengths),
        mask=_tensor(mask),
        batch=_tensor(batch),
        ptr=_tensor(ptr),
        start=_tensor(start),
        seed=_tensor(seed),
        threads=threads,
    )


def _tensor(values: Any) -> torch.Tensor | None:
    return None if values is None else torch.as_tensor(values)


def _select(
    clouds: torch.Tensor,
    k: int | None = None,
    ratio: float | None = None,
    counts: torch.Tensor | None = None,
    ratios: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    batch: torch.Tensor | None = None,
    ptr: torch.Tensor | None = None,
    start: torch.Tensor | None = None,
    seed: torch.Tensor | None = None,
    threads: int | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    each_k, each_ratio = k if counts is None else counts, ratio if ratios is None else ratios
    asked = each_k, each_ratio, lengths, mask, batch, ptr, start, seed
    found = run_clouds(clouds, "auto", threads, *asked)
    return found.indices, found.radii


def _shapes(
    clouds: torch.Tensor,
    k: int | None = None,
    ratio: float | None = None,
    counts: torch.Tensor | None = None,
    ratios: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    batch: torch.Tensor | None = None,
    ptr: torch.Tensor | None = None,
    *_: Any,
    **__: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Empty results; how many picks there are may follow from values, which are not known here."""
    packed = batch is not None or ptr is not None
    columns: Any
    if packed or counts is not None or ratios is not None or (k is None and ratio is None):
        columns = torch.library.get_ctx().new_dynamic_size()
    else:
        columns = k if ratio is None else math.ceil(ratio * clouds.shape[1])
    shape = (columns,) if packed else (clouds.shape[0], columns)
    indices = clouds.new_empty(shape, dtype=torch.int64)
    return indices, clouds.new_empty(shape, dtype=torch.float64)


def _begin(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.mark_non_differentiable(*output)


def _no_gradient(ctx: Any, *gradients: Any) -> tuple[None, ...]:
    return (None,) * 12  # one an argument


_library = torch.library.Library("pyuniform", "FRAGMENT")
_library.define(SCHEMA)
_library.impl("select_clouds", _select, "CompositeExplicitAutograd")
torch.library.register_fake(NAME, _shapes, lib=_library)
torch.library.register_autograd(NAME, _no_gradient, setup_context=_begin, lib=_library)
