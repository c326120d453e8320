"""Arrays that have names in a file or store: which one is meant, and which are its record ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyuniform.sources.checks import choose
from pyuniform.sources.joined import with_ids_read_by
from pyuniform.sources.protocol import Source

# Shapes and dtypes by name.
Members = Mapping[str, tuple[tuple[int, ...], Any]]


def open_member(
    what: str,
    members: Members,
    key: str | None,
    id_column: str | None,
    open_one: Callable[[str], Source],
    read_ids: Callable[[str], Any],
) -> Source:
    """The member `key`, by default the only two-dimensional one, with the ids of another.

    Parameters
    ----------
    what : str
        Whose members they are, for messages.
    members : Members
    key, id_column : str, optional
    open_one : callable
        From a member's name to its source.
    read_ids : callable
        From the name of a one-dimensional member to its values, when they are first asked for.

    Raises
    ------
    ValueError
        No such member, or several to choose from.
    """
    source = open_one(_choose(key, members, what, 2, "key"))
    if id_column is None:
        return source
    ids = _choose(id_column, members, what, 1, "id_column")
    return with_ids_read_by(source, lambda: read_ids(ids))


def no_members(what: str, kind: str, **options: str | None) -> None:
    """Raises ValueError if an option would choose a member of what has none."""
    for option, value in options.items():
        if value is not None:
            raise ValueError(f"{what} is {kind} and has no members: leave {option} out")


def _choose(asked: str | None, members: Members, what: str, ndim: int, option: str) -> str:
    fitting = [name for name, (shape, _) in members.items() if len(shape) == ndim]
    if not fitting:
        fitting = [name for name, (shape, _) in members.items() if shape[:1] == (0,)]
    present = {name: f"{tuple(shape)} {dtype}" for name, (shape, dtype) in members.items()}
    kind = "two-dimensional array" if ndim == 2 else "one-dimensional array"
    return choose(asked, fitting, present, what, kind, option)
