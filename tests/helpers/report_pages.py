"""What a report's page says."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

# Texts of rows that must stay texts.
HOSTILE = [
    "<script>document.title = 'taken over'</script>",
    "\"><img src='http://example.com/x' onerror=\"document.title = 'taken over'\">",
    "</td></tr></table></main><h1>no more",
    "&amp; stays as it is, <!-- and so does this",
    "controls \x00\x08\x1b, lone surrogate \ud800, right to left \u202e",
    "unbroken" * 60,
]

VOID = {"meta", "link", "br", "img", "input"}


class Page(HTMLParser):
    """What a page says: cells of its tables, its text, and all that is not well formed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, list[list[str]]] = {}
        self.data: dict[str, list[list[list[float]]]] = {}
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.sections: dict[str, str] = {}
        self._open: list[str] = []
        self._table = self._section = ""
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self._open.append(tag)
        if tag == "section":
            self._section = str(named["id"])
            self.sections[self._section] = ""
        elif tag == "table":
            self._table = str(named["id"])
            self.tables[self._table], self.data[self._table] = [], []
        elif tag == "tr":
            self.tables[self._table].append([])
            self.data[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
            self.data[self._table][-1].append([])
        elif tag == "data" and self._table:
            self.data[self._table][-1][-1].append(float(str(named["value"])))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [str(v) for k, v in attributes if k == "id"]
        self.links += [str(v) for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "table":
            self._table = ""
        elif tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if self._table and {"td", "th"} & set(self._open):
            self.tables[self._table][-1][-1] += data
        if self._section and "svg" not in self._open:
            self.sections[self._section] += data


def by_first_cell(page: Page, table: str) -> dict[str, list[Any]]:
    rows = zip(page.tables[table], page.data[table], strict=True)
    return {cells[0]: [cells[1], *values[1:]] for cells, values in rows}
