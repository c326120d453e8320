"""Embeddings where they lie: files, folders of shards, URLs, and objects of other libraries.

Who calls whom; imports run downwards only::

    registry.py     open_source(): suffix, folder or object in, Source out; register()
      ▼
    parquet.py  arrow.py  hf.py  lance.py           lists in a column of a table
    zarr.py  hdf5.py                                chunked arrays
    npy.py  npz.py  safetensors.py  raw.py          values one after another
    shards.py  windows.py                           several sources as one, part of one
      ▼
    lists.py        TableSource: a column of lists as rows
    chunked.py      ChunkedSource: an array that is read in bands of rows
    arrays.py       ArraySource: an array or a memory map
    streams.py      StreamSource: values in a binary stream
    ids.py          record ids from other places: with_ids(), read_ids()
    paths.py        files, folders, globs and URLs, for embeddings, ids and records alike
    text.py         lines of text files, compressed or not
    arrow_types.py  Arrow's many types as the few that are worked on
      ▼
    protocol.py     Source, as_array(), read_blocks(), ids_at(), check_ids()
    checks.py       what all of them check
    damage.py       errors of one line for what is in a file

Each format is a thin layer on its own library, imported when a source of its kind is opened.
"""

from pyuniform.sources.concatenation import concatenate
from pyuniform.sources.ids import read_ids, with_ids
from pyuniform.sources.open import is_source, open_source, register, suffixes
from pyuniform.sources.protocol import (
    BLOCK_ROWS,
    Source,
    as_array,
    check_ids,
    ids_at,
    read_blocks,
)
from pyuniform.sources.slices import window

__all__ = [
    "BLOCK_ROWS",
    "Source",
    "as_array",
    "check_ids",
    "concatenate",
    "ids_at",
    "is_source",
    "open_source",
    "read_blocks",
    "read_ids",
    "register",
    "suffixes",
    "window",
    "with_ids",
]
