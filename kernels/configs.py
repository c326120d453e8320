"""What launchers say of their kernels, so that each can be compiled without a launch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# What a thread may have at most. Left to itself, the assembler at times spills before it takes
# them: a kernel for which it does is launched with this as `maxnreg`.
REGISTERS = 255


@dataclass(frozen=True)
class Variant:
    """One compilation of a jit function, as a launcher may ask for it.

    A launcher module lists its own as ``variants() -> list[Variant]``: one for each combination of
    types and configuration that can be launched.

    Attributes
    ----------
    name : str
        Unique; begins with the kernel's name.
    function : triton.JITFunction
    signature : mapping of str to str
        Triton's type of each argument that is no constexpr: ``"*fp32"``, ``"i64"``, ``"fp64"``.
        Pointers are taken to be aligned to 16 bytes, as those of fresh tensors are.
    constexprs : mapping of str to value
    num_warps, num_stages : int
    divisible : tuple of str
        Integer arguments that are multiples of 16 in the usual case, such as strides: Triton
        compiles for this apart, and only then loads more than a value at a time.
    family : int
        The only family of devices it is launched on, by the first number of the compute capability;
        0 if all.
    maxnreg : int or None
        Registers that a thread may have, where the assembler would rather spill than take them.
    """

    name: str
    function: Any
    signature: Mapping[str, str]
    constexprs: Mapping[str, Any] = field(default_factory=dict)
    num_warps: int = 4
    num_stages: int = 3
    divisible: tuple[str, ...] = ()
    family: int = 0
    maxnreg: int | None = None

    def runs_on(self, capability: int) -> bool:
        """Whether it is launched on devices of a compute capability such as 90."""
        return self.family in (0, capability // 10)
