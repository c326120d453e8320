"""Selection in one pass over a stream, or of partitions that never meet."""

from pyuniform.streaming.coresets import coreset
from pyuniform.streaming.selector import StreamedSelection, StreamingSelector

__all__ = ["StreamedSelection", "StreamingSelector", "coreset"]
