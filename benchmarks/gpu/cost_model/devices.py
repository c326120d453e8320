"""Published figures of devices, and of what a host and a warp wait for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """A device.

    Attributes
    ----------
    name : str
    memory : float
        Bytes.
    bandwidth : float
        Bytes of memory a second.
    multiprocessors : int
    clock : float
        Hz. The one at which the published peaks of products are reached.
    products : dict of str to int
        Multiply-adds of a multiprocessor in a clock, by the type.
    """

    name: str
    memory: float
    bandwidth: float
    multiprocessors: int = 132
    clock: float = 1.83e9
    products: tuple[tuple[str, int], ...] = (("half", 2048), ("int8", 4096), ("codes", 4096))

    def peak(self, kind: str) -> float:
        """Multiply-adds a second."""
        return dict(self.products)[kind] * self.multiprocessors * self.clock


# NVIDIA's data sheets: 80 GB at 3.35 TB/s, 141 GB at 4.8 TB/s; 989 and 1,979 teraflops of dense
# float16 and int8 products, two operations a multiply-add: 2,048 and 4,096 of them a clock in each
# of 132 multiprocessors at 1.83 GHz.
H100 = Device("H100 SXM", 80e9, 3.35e12)
H200 = Device("H200", 141e9, 4.8e12)
DEVICES = (H100, H200)

# Of the register file and the shared memory of a multiprocessor.
REGISTERS, SHARED = 65_536, 232_448
# The share of the peak of matrix products that the `mma` instruction reaches, which the settle
# kernel uses; only `wgmma` reaches all of it. Luo et al.,
# "Benchmarking and dissecting the Nvidia Hopper GPU architecture", arXiv:2402.13499.
MMA = 0.6


@dataclass(frozen=True)
class Waits:
    """Latencies and rates that a run waits for; `LEAST` and `MOST` are what is published or likely.

    Attributes
    ----------
    l2 : float
        Bytes a second from the L2 cache.
    load : float
        Clocks until a load is there.
    step : float
        Clocks from one instruction of a warp to the next that depends on it.
    exchange, barrier : float
        Clocks more for a shuffle, a vote or a load from shared memory, and for a barrier.
    letter : float
        Clocks for a word from one multiprocessor to another.
    launch, operation, answer : float
        Seconds of the host for a launch of Triton's, or for one of torch or CUDA; and until the
        host has an answer, and has started what comes next.
    """

    l2: float
    load: float
    step: float
    exchange: float
    barrier: float
    letter: float
    launch: float
    operation: float
    answer: float


# L2: 5.5 to 7 TB/s, and 20 to 25 us a launch of Triton's, 4 to 5 us one of torch, in a review of
# the code. Loads: some 260 clocks from L2 and 480 from memory, arXiv:2402.13499. Arithmetic takes 4
# clocks from one instruction to the next; half of a warp's need not wait for the one before. The
# others are estimates.
LEAST = Waits(7e12, 260, 2, 20, 20, 600, 20e-6, 4e-6, 10e-6)
MOST = Waits(5.5e12, 480, 4, 30, 40, 1200, 25e-6, 5e-6, 30e-6)
