"""The tools, one module a family. A package that is not installed is missed when a tool runs."""

from benchmarks.suite.peers import clusters, farthest, loops, others, ours
from benchmarks.suite.peers.peer import EXACT, Peer

PEERS = [*ours.PEERS, *loops.PEERS, *farthest.PEERS, *clusters.PEERS, *others.PEERS]

__all__ = ["EXACT", "PEERS", "Peer"]
