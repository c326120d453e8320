"""A datatrove pipeline step that keeps selected documents. Importing it needs datatrove."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyuniform._common.optional import need

_base = need("datatrove.pipeline.filters.base_filter", "datatrove", "datatrove documents")


class KeepSelected(_base.BaseFilter):  # type: ignore[name-defined]
    """Keeps the documents with these ids, in the order in which they come.

    Parameters
    ----------
    ids : iterable of str
        Documents' ids, for example those of a `Selection`.
    exclusion_writer : datatrove.pipeline.writers.disk_base.DiskWriter, optional
        Where the other documents go.

    Raises
    ------
    TypeError
        An id is not a string, as datatrove's ids are.
    """

    name = "pyuniform: keep selected"

    def __init__(self, ids: Iterable[str], exclusion_writer: Any = None) -> None:
        if isinstance(ids, str):
            raise TypeError(f"ids must be a list of strings, got a string: {ids!r}")
        kept = frozenset(ids)
        for wrong in (i for i in kept if not isinstance(i, str)):
            raise TypeError(f"ids must be strings, got {wrong!r}")
        super().__init__(exclusion_writer)
        self.ids = kept

    def filter(self, doc: Any) -> bool:
        """Return True if the document is kept."""
        return doc.id in self.ids
