"""Instructions of a compiled kernel, counted by loop: what is parsed is what nvdisasm prints."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

# Lanes of a multiprocessor that do a kind of instruction in a clock, for compute capability 9.0:
# the table of throughputs in the CUDA C++ Programming Guide. All kinds together are issued to 128.
ISSUED = 128
LANES = {"float": 128, "multiply": 64, "integer": 64, "double": 64, "exchange": 32}
KINDS = {
    "float": "FADD FMUL FFMA",
    "multiply": "IMAD",
    "double": "DADD DMUL DFMA DSETP",
    "exchange": "SHFL REDUX CREDUX LDS STS LDSM",
    "integer": "ISETP IADD3 LOP3 SEL SHF VIMNMX IMNMX LEA PRMT FSETP FSEL FMNMX I2F F2I I2FP POPC "
    "FLO PLOP3 IABS MOV",
}
KIND = {opcode: kind for kind, opcodes in KINDS.items() for opcode in opcodes.split()}

_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(@!?U?P\w+ )?([A-Z][\w.]*)")
_LABEL = re.compile(r"^(\.L_\w+):")
_TARGET = re.compile(r"\bBRA\b(.*)`\((\.L_\w+)\)")


@dataclass
class Code:
    """The instructions of a kernel.

    Attributes
    ----------
    opcodes : list of str
    targets : dict of int to int
        Where branches go to.
    ends : set of int
        Instructions after which the next one is not reached.
    """

    opcodes: list[str] = field(default_factory=list)
    targets: dict[int, int] = field(default_factory=dict)
    ends: set[int] = field(default_factory=set)


@dataclass
class Loop:
    """A loop, or a whole kernel: instructions `first` to `last`, and the loops in it."""

    code: Code
    first: int
    last: int
    inner: list[Loop] = field(default_factory=list)

    def walk(self) -> Iterator[Loop]:
        """The loop, and all within it."""
        yield self
        for loop in self.inner:
            yield from loop.walk()

    def own(self) -> list[str]:
        """Its own instructions, without those of the loops in it."""
        taken = {place for loop in self.inner for place in range(loop.first, loop.last + 1)}
        places = range(self.first, self.last + 1)
        return [self.code.opcodes[place] for place in places if place not in taken]

    def count(self, *stems: str) -> int:
        """Its own instructions whose opcodes begin so."""
        return count(self.own(), *stems)

    def shortest(self, *stops: str) -> list[str]:
        """The shortest way once around the loop that passes such instructions, in their order.

        Code that the compiler moved behind the loop, such as what decides ties, is on no way.

        Raises
        ------
        ValueError
            There is no such way.
        """
        code = self.code
        begin = (self.first, 0)
        came: dict[tuple[int, int], tuple[int, int] | None] = {begin: None}
        queue = deque([begin])
        while queue:
            state = place, passed = queue.popleft()
            if passed < len(stops) and code.opcodes[place].startswith(stops[passed]):
                passed += 1
            nexts = [] if place in code.ends else [place + 1]
            if place in code.targets:
                if code.targets[place] == self.first and passed == len(stops):
                    return self._way(came, state)
                nexts.append(code.targets[place])
            for after in nexts:
                if self.first < after <= self.last and (after, passed) not in came:
                    came[after, passed] = state
                    queue.append((after, passed))
        raise ValueError(f"no way around the loop passes {', '.join(stops)}")

    def _way(
        self, came: dict[tuple[int, int], tuple[int, int] | None], state: tuple[int, int] | None
    ) -> list[str]:
        way = []
        while state is not None:
            way.append(self.code.opcodes[state[0]])
            state = came[state]
        return way[::-1]


def count(opcodes: list[str], *stems: str) -> int:
    """Instructions whose opcodes begin so."""
    return sum(opcode.startswith(stems) for opcode in opcodes)


def clocks(opcodes: list[str], threads: int) -> float:
    """Clocks of a multiprocessor for what that many threads execute, if nothing waits."""
    kinds = Counter(KIND.get(opcode.split(".")[0], "") for opcode in opcodes)
    busy = [kinds[kind] / lanes for kind, lanes in LANES.items()]
    return threads * max(len(opcodes) / ISSUED, *busy)


def parse(text: str) -> Loop:
    """The kernel in a listing of nvdisasm, as a tree of its loops.

    A loop is what lies between a label and the last branch back to it. What is not properly nested
    are jumps back from code that was moved out of the way, and no loops.
    """
    code, labels, branches = Code(), {}, {}
    for line in text.splitlines():
        if label := _LABEL.match(line):
            labels[label[1]] = len(code.opcodes)
        elif found := _INSTRUCTION.search(line):
            place, always = len(code.opcodes), not found[1]
            if branch := _TARGET.search(line):
                branches[place] = branch[2]
                always = always and not re.search(r"\bU?!?P\d|DIV|CONV", branch[0])
            if always and found[2].startswith(("BRA", "EXIT", "RET")):
                code.ends.add(place)
            code.opcodes.append(found[2])
    code.targets = {place: labels[label] for place, label in branches.items() if label in labels}
    ends: dict[int, int] = {}
    for place, target in code.targets.items():
        if target < place:
            ends[target] = place
    kernel = Loop(code, 0, len(code.opcodes) - 1)
    open_loops = [kernel]
    for first, last in sorted(ends.items()):
        while open_loops[-1].last < first:
            open_loops.pop()
        if last <= open_loops[-1].last:
            loop = Loop(code, first, last)
            open_loops[-1].inner.append(loop)
            open_loops.append(loop)
    return kernel


def loop_with(kernel: Loop, *stems: str) -> Loop:
    """The loop that has most of such instructions by itself.

    Raises
    ------
    ValueError
        No loop has any.
    """
    loops = [loop for loop in kernel.walk() if loop is not kernel and loop.count(*stems)]
    if not loops:
        raise ValueError(f"the kernel has no loop with {' or '.join(stems)}")
    return max(loops, key=lambda loop: loop.count(*stems))


def around(kernel: Loop, loop: Loop) -> Loop:
    """The loop, or the kernel, that a loop stands in."""
    return next(other for other in kernel.walk() if any(inner is loop for inner in other.inner))
