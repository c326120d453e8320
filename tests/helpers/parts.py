"""A team whose parts are all in this process, which counts what would travel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pyuniform._engine.protocols import Shard
from pyuniform.distributed.partitions import Part

HOW = {"device": "cpu", "threads": 1}


class LocalParts:
    """A team whose parts are all here.

    `calls` has how often each operation was called, `asked` and `answered` the bytes of the arrays
    that went and came, by operation.
    """

    kind = "part"

    def __init__(self, parts: Sequence[Any], metric: str, how: dict[str, Any]) -> None:
        self._parts = [Part(X, metric, HOW | how) for X in parts]
        self.members = len(parts)
        self.sizes: list[int] = []
        self.calls: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()

    def ask(self, operation: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
        name = operation.__name__
        self.calls[name] += 1
        found = []
        for part, given in zip(self._parts, arguments, strict=True):
            found.append(None if given is None else part.call(operation, *given))
            self.asked[name] += sum(getattr(a, "nbytes", 0) for a in given or ())
            self.answered[name] += getattr(found[-1], "nbytes", 0)
        return found

    def tell(self, operation: Callable[..., None], arguments: Sequence[Any]) -> None:
        self.ask(operation, arguments)

    def relax(self, rho: float) -> Iterator[None]:
        for part in self._parts:
            yield from part.shard.relax(rho)

    def local(self) -> list[tuple[int, Shard]]:
        return []
