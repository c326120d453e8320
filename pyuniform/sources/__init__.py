"""Embeddings where they lie: files, folders of shards, URLs, and objects of other libraries.

`opening.py` turns a path, a folder or an object into a `Source` (`protocol.py`). `formats/` has a
module a format, each a thin layer on its own library, imported when a source of its kind is opened.
`tables.py` reads rows from a column of lists, `joined.py` joins sources, cuts them and gives them
ids; `ids.py` and `records.py` read what stands beside embeddings; `damage.py` makes one line of
what the libraries say about a file.
"""

from pyuniform.sources.ids import read_ids
from pyuniform.sources.joined import concatenate, window, with_ids
from pyuniform.sources.opening import is_source, open_source, register, suffixes
from pyuniform.sources.protocol import (
    BLOCK_ROWS,
    Source,
    as_array,
    check_ids,
    ids_at,
    read_blocks,
)

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
