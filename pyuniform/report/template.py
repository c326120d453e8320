"""Templates of pages, and text as pages show it."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import jinja2
import numpy as np

LONGEST_TEXT = 280
LONGEST_LABEL = 60
# C0 and C1 controls, which HTML does not allow, and whatever else is white space.
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def template(name: str) -> jinja2.Template:
    """A template of `templates/`: all that it shows is escaped, and a name it lacks is an error."""
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("pyuniform.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"digits": digits, "label": partial(one_line, longest=LONGEST_LABEL)}
    return pages.get_template(name)


def digits(value: float) -> str:
    """A number for people: of fractions four significant digits, zeros at the end too."""
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return f"{value:#,.4g}".rstrip(".") if value else "0"


def one_line(text: Any, longest: int) -> str:
    """A user's text on one line, cut where it is long."""
    line = _BLANK.sub(" ", "" if text is None else str(text)).strip()
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
