"""Texts of records: one field, a template over fields, or a preset."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.checks import as_ids
from pyuniform.sources.records import JsonLines, ParquetRecords, Records, SavedDataset, open_records

Record = Mapping[str, Any]
PRESETS = ("alpaca", "conversations")
# Of a conversation: where turns are, and what they say. The first that is not null counts.
_TURNS = ("messages", "conversations")
_SAID = ("content", "value")


class TextOf(NamedTuple):
    """How a record becomes a text.

    Attributes
    ----------
    make : callable
        From a record to its text; ValueError, without the record's name, if it has none.
    needed, welcome : tuple of str
        Fields that it must have, and that it may have.
    """

    make: Callable[[Record], str]
    needed: tuple[str, ...]
    welcome: tuple[str, ...] = ()


def text_of(text: str) -> TextOf:
    """Parse `text`: a preset, a template if it has braces, or else the name of a field.

    A template is filled with top-level fields and nothing else: what stands between braces is a
    name as it is, dots and brackets included. ``{{`` and ``}}`` stand for single braces.

    Raises
    ------
    ValueError, TypeError
        No string; a brace without its other; a template without a field.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {text!r}")
    if text == "alpaca":
        return TextOf(_alpaca, ("instruction", "output"), ("input",))
    if text == "conversations":
        return TextOf(_conversation, (), _TURNS)
    if not text:
        raise ValueError("text must name a field, or be a template or preset; it is empty")
    if "{" not in text and "}" not in text:
        return TextOf(lambda record: _value(record, text), (text,))
    parts = list(_parsed(text))
    names = tuple(dict.fromkeys(part for is_field, part in parts if is_field))
    if not names:
        raise ValueError(f"text {text!r} is the same for all records: it names no field")

    def fill(record: Record) -> str:
        return "".join(_value(record, part) if is_field else part for is_field, part in parts)

    return TextOf(fill, names)


def _parsed(template: str) -> Iterator[tuple[bool, str]]:
    """The pieces of a template, and whether each is a field."""
    at = 0
    while at < len(template):
        here = template[at]
        if template[at : at + 2] in ("{{", "}}"):
            yield False, here
            at += 2
        elif here == "{":
            end = template.find("}", at)
            name = template[at + 1 : end]
            if end < 0 or not name or "{" in name:
                raise ValueError(
                    f"text {template!r} has a '{{' at {at} that begins no field: "
                    "a brace itself is written twice"
                )
            yield True, name
            at = end + 1
        elif here == "}":
            raise ValueError(
                f"text {template!r} has a '}}' at {at} that ends no field: "
                "a brace itself is written twice"
            )
        else:
            ends = [i for i in (template.find("{", at), template.find("}", at)) if i >= 0]
            end = min(ends, default=len(template))
            yield False, template[at:end]
            at = end


def _value(record: Record, name: str) -> str:
    if name not in record:
        raise ValueError(f"there is no field {name!r}, but {', '.join(map(repr, record))}")
    value = record[name]
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    kind = "null" if value is None else f"a {type(value).__name__}"
    raise ValueError(f"field {name!r} is {kind}; text or a number is wanted")


def _alpaca(record: Record) -> str:
    parts = [_value(record, "instruction")]
    if record.get("input") not in (None, ""):
        parts.append(_value(record, "input"))
    return "\n".join([*parts, _value(record, "output")])


def _conversation(record: Record) -> str:
    name = next((name for name in _TURNS if record.get(name) is not None), None)
    if name is None:
        raise ValueError(
            f"there is neither 'messages' nor 'conversations', but {', '.join(map(repr, record))}"
        )
    turns = record[name]
    if not isinstance(turns, list):
        raise ValueError(f"field {name!r} is a {type(turns).__name__}; a list of turns is wanted")
    said = (_said(turn, f"{name}[{i}]") for i, turn in enumerate(turns))
    return "\n".join(text for text in said if text)


def _said(turn: Any, place: str) -> str:
    """The text of a turn; that of one that calls tools, or shows images, may be empty."""
    if not isinstance(turn, dict) or not any(key in turn for key in _SAID):
        raise ValueError(f"field '{place}' has neither 'content' nor 'value'")
    content = next((turn[key] for key in _SAID if turn.get(key) is not None), "")
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        texts = [part["text"] for part in content if isinstance(part.get("text"), str)]
        return "\n".join(texts)
    raise ValueError(f"field '{place}' is a {type(content).__name__}; text is wanted")


class Facts(NamedTuple):
    """Number of texts, a digest of them, and the records' ids if asked for."""

    n: int
    digest: str
    ids: NDArray[Any] | None


class Texts:
    """The texts of records in their order, which are read anew each time.

    Parameters
    ----------
    records : path or list of dict
        A .jsonl or .parquet file, a saved Hugging Face dataset, or the records themselves.
    text : str
        As for `text_of`.
    id_field : str, optional
        The field with the records' ids.

    Raises
    ------
    ValueError, TypeError
        As for `text_of`; no records of these kinds; columns that are not there.
    OSError
        The file cannot be read.
    """

    def __init__(self, records: Any, text: str, id_field: str | None = None) -> None:
        self._text, self._id_field = text_of(text), id_field
        needed = [*self._text.needed, *([] if id_field is None else [id_field])]
        self._fields = list(dict.fromkeys([*needed, *self._text.welcome]))
        self._records: Records | Iterable[Record]
        if isinstance(records, (str, os.PathLike)):
            self.name = os.fspath(records)
            self._records = open_records(Path(records))
        elif isinstance(records, Sized) and isinstance(records, Iterable):
            self.name = "records"
            self._records = records
        else:
            kind = type(records).__name__
            raise TypeError(f"records must be a path or a list of dicts, got {kind}")
        if isinstance(self._records, (ParquetRecords, SavedDataset)):
            present = self._records.schema.names
            for name in needed:
                if name not in present:
                    raise ValueError(f"{self.name} has no column {name!r}, but {present}")
            if not set(present) & {*self._text.needed, *self._text.welcome}:
                wanted = " or ".join(map(repr, self._text.welcome))
                raise ValueError(f"{self.name} has no column {wanted}, but {present}")
            self._fields = [name for name in self._fields if name in present]

    def __iter__(self) -> Iterator[str]:
        for text, _ in self._read():
            yield text

    def facts(self) -> Facts:
        """Reads all once.

        Raises
        ------
        ValueError, TypeError
            A record that is none, or has no such text or id, by its number; there are none.
        """
        count, digest, ids = 0, _Digest(), []
        for text, identity in self._read():
            count += 1
            digest.see(text)
            ids.append(identity)
        if not count:
            raise ValueError(f"{self.name} has no records")
        return Facts(count, digest.told(), as_ids(ids, self.name) if self._id_field else None)

    def chunks(self, size: int, facts: Facts) -> Iterator[tuple[int, list[str]]]:
        """The texts, so many at a time, each with the number of its first record.

        Raises
        ------
        ValueError
            At the end: they are not those that `facts` were found of.
        """
        digest = _Digest()
        chunk: list[str] = []
        begin = 0
        for text in self:
            digest.see(text)
            chunk.append(text)
            if len(chunk) == size:
                yield begin, chunk
                begin, chunk = begin + size, []
        if digest.told() != facts.digest:
            raise ValueError(f"{self.name} has changed while it was read")
        if chunk:
            yield begin, chunk

    def _read(self) -> Iterator[tuple[str, Any]]:
        """Text and id of each record; without a field of ids the id is None."""
        for number, record in enumerate(self._each()):
            try:
                text = self._text.make(record)
                text.encode()
                if self._id_field is not None and self._id_field not in record:
                    raise ValueError(f"there is no field {self._id_field!r}")
            except UnicodeEncodeError:
                raise ValueError(
                    f"record {number} of {self.name}: its text has half of a surrogate pair"
                ) from None
            except ValueError as error:
                raise ValueError(f"record {number} of {self.name}: {error}") from None
            yield text, None if self._id_field is None else record[self._id_field]

    def _each(self) -> Iterator[Record]:
        records = self._records
        if isinstance(records, JsonLines):
            for number, (_, line) in enumerate(records.lines()):
                yield records.parse(number, line)
        elif isinstance(records, (ParquetRecords, SavedDataset)):
            for table in records.take(np.arange(records.count()), self._fields):
                yield from table.to_pylist()
        else:
            for number, record in enumerate(records):
                if not isinstance(record, Mapping):
                    kind = type(record).__name__
                    raise TypeError(f"record {number} must be a dict, got {kind}")
                yield record


class _Digest:
    """Digest of texts one after another; where one ends matters."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def see(self, text: str) -> None:
        encoded = text.encode()
        self._hash.update(b"%d:" % len(encoded))
        self._hash.update(encoded)

    def told(self) -> str:
        return self._hash.hexdigest()
