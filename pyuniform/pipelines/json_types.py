"""Arrow types for JSON records, found by looking at one after another."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

_KINDS = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}
# Beyond it float64 does not hold every integer.
_EXACT = 2**53
# As in Arrow's own files.
_DEEPEST = 64


class Seen:
    """Kinds of values seen in a field, from which its type is chosen.

    Integers and fractions together are float64. All else that changes its kind is an error.
    """

    __slots__ = ("_fields", "_fractions", "_high", "_items", "_kind", "_low")

    def __init__(self) -> None:
        self._kind: str | None = None
        self._fractions = False
        self._low = self._high = 0
        self._items: Seen | None = None
        self._fields: dict[str, Seen] = {}

    def see(self, value: Any, name: str = "", depth: int = 0) -> None:
        """Takes a value into account, parsed from JSON.

        Raises
        ------
        ValueError
            With the name of the field: of another kind than before, or nothing that Arrow can hold.
        """
        if value is None:
            return
        if depth > _DEEPEST:
            raise ValueError(f"field {name!r} is nested more than {_DEEPEST} deep")
        kind = _KINDS[type(value)]
        if self._kind is None:
            self._kind = kind
        elif self._kind != kind:
            raise ValueError(f"field {name!r} is {kind}, and {self._kind} before")
        if isinstance(value, dict):
            for key, part in value.items():
                inner = _inside(name, key)
                if key not in self._fields:
                    _check_text(key, inner)
                    self._fields[key] = Seen()
                self._fields[key].see(part, inner, depth + 1)
        elif isinstance(value, list):
            self._items = self._items or Seen()
            inner = f"{name}[]"
            for part in value:
                self._items.see(part, inner, depth + 1)
        elif isinstance(value, str):
            _check_text(value, name)
        elif isinstance(value, (int, float)):
            self._see_number(value, name)

    def _see_number(self, value: float, name: str) -> None:
        if isinstance(value, float):
            self._fractions = True
        else:
            self._low, self._high = min(self._low, value), max(self._high, value)
        if self._fractions:
            if max(-self._low, self._high) > _EXACT:
                raise ValueError(
                    f"field {name!r} has fractions, and integers too large for float64"
                )
        elif self._low < -(2**63) or self._high >= 2 ** (63 if self._low else 64):
            raise ValueError(f"field {name!r} has integers of more than 64 bits")

    def arrow_type(self, name: str = "") -> pa.DataType:
        """The type for all that has been seen.

        Raises
        ------
        ValueError
            Objects without any field, for which Parquet has no type.
        """
        if self._kind is None:
            return pa.null()
        if self._kind == "a number":
            wide = pa.uint64() if self._high >= 2**63 else pa.int64()
            return pa.float64() if self._fractions else wide
        if self._kind == "a list":
            return pa.list_((self._items or Seen()).arrow_type(f"{name}[]"))
        if self._kind == "an object":
            if not self._fields:
                what = f"field {name!r} is empty" if name else "there is no field"
                raise ValueError(f"{what} in all records, for which Parquet has no type")
            parts = self._fields.items()
            return pa.struct([(key, seen.arrow_type(_inside(name, key))) for key, seen in parts])
        return pa.string() if self._kind == "a string" else pa.bool_()


def _inside(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _check_text(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"field {name!r} has half of a surrogate pair: {text[:20]!r}") from None
