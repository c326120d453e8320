"""Arrow's many types as the few that are worked on: one place where columns are made plain.

Lists are list, large_list or fixed_size_list of numbers; ids are integers or strings; all else is
what NumPy makes of it.
"""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pyarrow as pa


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of what `plain` makes of a column of this one."""
    if _is_uuid(kind):
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(_flat(kind.storage_type))
    if pa.types.is_dictionary(kind) or _is(kind, "is_run_end_encoded"):
        return plain_type(kind.value_type)
    if _is(kind, "is_string_view"):
        return pa.large_string()
    if _is(kind, "is_binary_view"):
        return pa.large_binary()
    if _is(kind, "is_list_view"):
        return pa.list_(kind.value_type)
    if _is(kind, "is_large_list_view"):
        return pa.large_list(kind.value_type)
    return kind


def plain(column: Any) -> Any:
    """A column, or a piece of one, without extension types, views, dictionaries and run lengths.

    UUIDs become the strings that they are written as. Tensors, whatever their shape, become one
    list a row.

    Raises
    ------
    ValueError
        Tensors of several shapes.
    """
    if isinstance(column, pa.ChunkedArray):
        chunks = [plain(chunk) for chunk in column.chunks]
        return pa.chunked_array(chunks, plain_type(column.type))
    kind = column.type
    if _is_uuid(kind):
        storage = column.storage if isinstance(column, pa.ExtensionArray) else column
        words = [None if b is None else str(uuid.UUID(bytes=b)) for b in storage.to_pylist()]
        return pa.array(words, pa.string())
    if isinstance(column, pa.ExtensionArray):
        return plain(_flattened(column.storage))
    if pa.types.is_dictionary(kind):
        return plain(column.dictionary).take(column.indices)
    if _is(kind, "is_run_end_encoded"):
        return plain(_compute().run_end_decode(column))
    if _is(kind, "is_list_view") or _is(kind, "is_large_list_view"):
        return _in_order(column)
    target = plain_type(kind)
    return column if target == kind else column.cast(target)


def id_type(kind: pa.DataType) -> bool:
    """Return True if a plain type can be record ids; a shard without rows may have no type."""
    names = (
        "is_integer",
        "is_string",
        "is_large_string",
        "is_null",
        "is_binary",
        "is_large_binary",
        "is_fixed_size_binary",
    )
    whole = pa.types.is_decimal(kind) and kind.scale == 0
    return whole or any(_is(kind, name) for name in names)


def plain_ids(column: Any) -> Any:
    """A column of ids as integers or strings.

    Bytes are UTF-8, or, where all have one length by their type, hexadecimal digits; decimals are
    whole.

    Raises
    ------
    pyarrow.ArrowException
        Bytes that are not UTF-8, decimals of more than 64 bits.
    """
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array(
            [plain_ids(chunk) for chunk in column.chunks] or [plain_ids(pa.array([], column.type))]
        )
    column = plain(column)
    kind = column.type
    if pa.types.is_fixed_size_binary(kind):
        words = [None if b is None else b.hex() for b in column.to_pylist()]
        return pa.array(words, pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return column.cast(pa.large_string())
    if pa.types.is_decimal(kind):
        return column.cast(pa.int64())
    return column


def _compute() -> Any:
    """pyarrow.compute, which takes long to import and is seldom needed."""
    import pyarrow.compute

    return pyarrow.compute


def _flat(kind: pa.DataType) -> pa.DataType:
    """The type of a tensor's storage when its lists are one."""
    if not (_is_list(kind) and _is_list(kind.value_type)):
        return kind
    while _is_list(kind):
        kind = kind.value_type
    return pa.large_list(kind)


def _flattened(lists: pa.Array) -> pa.Array:
    """Lists of lists, all of one length, as one list a row."""
    if not (_is_list(lists.type) and _is_list(lists.type.value_type)):
        return lists
    pc = _compute()
    inner = _flattened(lists.flatten())
    lengths = pc.list_value_length(inner)
    length = lengths[0].as_py() if len(lengths) else 0
    if inner.null_count or not pc.all(pc.equal(lengths, length), min_count=0).as_py():
        raise ValueError("it holds tensors of several shapes")
    outer = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(outer.astype(np.int64) * length)])
    mask = lists.is_null() if lists.null_count else None
    return pa.LargeListArray.from_arrays(offsets, inner.flatten(), mask=mask)


def _in_order(views: pa.Array) -> pa.Array:
    """Lists that may lie in any order, one after another."""
    pc = _compute()
    sizes = pc.fill_null(pc.list_value_length(views), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(sizes.astype(np.int64))])
    mask = views.is_null() if views.null_count else None
    made = pa.LargeListArray.from_arrays(offsets, views.flatten(), mask=mask)
    return made.cast(plain_type(views.type))


def without_views(table: pa.Table) -> pa.Table:
    """A table of the same values, in which strings and bytes are of types that all know."""
    schema = schema_without_views(table.schema)
    if schema.equals(table.schema):
        return table
    columns = [
        column if column.type == field.type else _without(column, field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def schema_without_views(schema: pa.Schema) -> pa.Schema:
    """The schema of what `without_views` makes."""
    fields = [field.with_type(_type_without(field.type)) for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def _without(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    views = any(_is(column.type, test) for test in ("is_list_view", "is_large_list_view"))
    return plain(column).cast(kind) if views else column.cast(kind)


def _type_without(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_type_without(field.type)) for field in kind])
    if _is(kind, "is_list_view") or _is(kind, "is_large_list_view") or _is(kind, "is_list"):
        inner = kind.value_field.with_type(_type_without(kind.value_type))
        return (pa.large_list if _is(kind, "is_large_list_view") else pa.list_)(inner)
    if _is(kind, "is_string_view") or _is(kind, "is_binary_view"):
        return plain_type(kind)
    return kind


def _is_list(kind: pa.DataType) -> bool:
    return any(_is(kind, name) for name in ("is_list", "is_large_list", "is_fixed_size_list"))


def _is_uuid(kind: pa.DataType) -> bool:
    return getattr(kind, "extension_name", "") == "arrow.uuid"


def _is(kind: pa.DataType, test: str) -> bool:
    """Return True if a type is of a kind that older versions of the library may not know."""
    known = getattr(pa.types, test, None)
    return known is not None and bool(known(kind))
