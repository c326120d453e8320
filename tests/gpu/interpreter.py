"""Triton's interpreter, hastened."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any


def hasten() -> None:
    """Spare a third of the time or more.

    Whenever a kernel calls a jit function, Triton looks through its whole language for what the
    interpreter replaces, also where a call before has replaced it.
    """
    import triton.language as tl
    from triton.runtime.interpreter import InterpretedFunction

    real = InterpretedFunction.__call__

    @cache
    def languages(function: Callable[..., Any]) -> list[Any]:
        return [x for x in function.__globals__.values() if x is tl or x is tl.core]

    def call(self: InterpretedFunction, *arguments: Any, **options: Any) -> Any:
        if any(tl.core.is_builtin(language.load) for language in languages(self.fn)):
            return real(self, *arguments, **options)
        return self.rewrite()(*arguments, **options)

    InterpretedFunction.__call__ = call
