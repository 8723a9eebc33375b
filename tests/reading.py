"""A page as a person reads it: its text, its links, and its tables as rows of heading → cell."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """Collects what a page says. Scripts, styles and titles are not read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.words: list[str] = []
        self.links: dict[str, str] = {}
        self.tables: list[list[dict[str, str]]] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self._cell: list[str] | None = None
        self._is_heading = False
        self._link: tuple[str, list[str]] | None = None
        self._headings: list[str] = []
        self._cells: list[str] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def rows(self) -> list[dict[str, str]]:
        return self.tables[0] if self.tables else []

    def column(self, heading: str) -> list[str]:
        return [row[heading] for row in self.rows]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if tag == "table":
            self.tables.append([])
            self._headings = []
        elif tag == "tr":
            self._cells = []
        elif tag in {"td", "th"}:
            # What names a row is read like its other cells.
            self._is_heading = tag == "th" and given.get("scope") != "row"
            self._cell = []
        elif tag == "a":
            self._link = (given.get("href") or "", [given.get("aria-label") or ""])

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._cell is not None:
            words = " ".join(" ".join(self._cell).split())
            (self._headings if self._is_heading else self._cells).append(words)
            self._cell = None
        elif tag == "tr" and self._cells:
            self.tables[-1].append(dict(zip(self._headings, self._cells, strict=False)))
        elif tag == "a" and self._link is not None:
            href, said = self._link
            self.links.setdefault(" ".join(" ".join(said).split()), href)
            self._link = None

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._cell is not None:
            self._cell.append(data)
        if self._link is not None:
            self._link[1].append(data)


def read(response: Any, status: int = 200) -> Page:
    """The page of a response that has this status."""
    content = response.content.decode()
    assert response.status_code == status, content[:2000]
    return Page(content)
