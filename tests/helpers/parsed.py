"""HTML as a browser sees it: the rows of a tree, the tables, all that could load something."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "hr", "img"}
ROW = {"p", "summary"}
PREFIX = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}


@dataclass
class ShownRow:
    """A row of a tree."""

    depth: int
    is_open: bool | None
    """None for a row without rows beneath."""
    figures: list[int]
    """Exact figures of all its modules, those of the work that no row beneath has last."""
    cells: list[str] = field(default_factory=list)

    @property
    def own(self) -> int:
        return self.figures[-1]


@dataclass
class ShownCell:
    """A cell of a picture."""

    href: str
    kinds: set[str]
    said: str
    depth: int
    left: float
    width: float
    name: str = ""


class Page(HTMLParser):
    """Raises if a tag is not closed where it should be, or if an id is there twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.styles = ""
        self.titles: list[str] = []
        self.rows: list[ShownRow] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.places: dict[str, int] = {}
        """By the id of a row, its index."""
        self.scripts: list[str] = []
        self.pictures: list[list[ShownCell]] = []
        self.links: dict[str, str] = {}
        """By the name of a file that a link downloads, the link."""
        self._in_cell = False
        self._caption = ""
        self._in_tree = 0
        self._opened: list[bool] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        found = {name: value or "" for name, value in attrs}
        assert len(found) == len(attrs)
        self.attributes += [(tag, name, value) for name, value in found.items()]
        if "id" in found:
            assert found["id"] not in self.ids
            self.ids.add(found["id"])
        if tag == "div" and (found.get("class", "").startswith("hookcount") or self._in_tree):
            self._in_tree += 1
        if tag == "div" and found.get("class") == "cells":
            self.pictures.append([])
        if tag == "a" and "class" in found:
            styles = dict(each.split(":") for each in found["style"].split(";"))
            depth, left, width = (float(styles[name]) for name in ("--d", "--x", "--w"))
            kinds = set(found["class"].split())
            cell = ShownCell(found["href"], kinds, found["title"], int(depth), left, width)
            self.pictures[-1].append(cell)
            self._in_cell = True
        if tag == "a" and "download" in found:
            self.links[found["download"]] = found["href"]
        if tag == "script":
            self.scripts.append("")
        if tag == "details":
            self._opened.append("open" in found)
        if tag in ROW and self._in_tree and found.get("class") != "head":
            depth = len(self._opened) - (tag == "summary")
            is_open = self._opened[-1] if tag == "summary" else None
            figures = [int(each) for each in found.get("data-of", "").split()]
            self.rows.append(ShownRow(depth, is_open, figures))
            if "id" in found:
                self.places[found["id"]] = len(self.rows) - 1
        if tag == "i" and self._in_tree:
            (self.rows[-1].cells if self.rows else self.titles).append("")
        if tag == "table":
            self._table: list[list[str]] = []
        if tag == "tr":
            self._table.append([])
        if tag in ("td", "th"):
            self._table[-1].append("")
        if tag == "caption":
            self._caption = ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self._in_cell = self._in_cell and tag != "a"
        if tag == "details":
            self._opened.pop()
        if tag == "div" and self._in_tree:
            self._in_tree -= 1
        if tag == "table":
            self.tables[self._caption] = self._table

    def handle_data(self, data):
        if "style" in self.open:
            self.styles += data
            return
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
            return
        if self._in_cell:
            self.pictures[-1][-1].name += data
        self.text += data
        if "i" in self.open and self._in_tree:
            (self.rows[-1].cells if self.rows else self.titles)[-1] += data
        if self.open and self.open[-1] in ("td", "th"):
            self._table[-1][-1] += data
        if self.open and self.open[-1] == "caption":
            self._caption += data

    def loads_something(self) -> list[str]:
        """All that would make a browser ask a network, or run something."""
        found = [
            f"{tag} {name}={value}"
            for tag, name, value in self.attributes
            if name in ("src", "srcset", "action", "formaction", "poster", "background", "ping")
            or (name == "href" and not value.startswith(("#", "data:,", "data:text/csv;")))
            or name.startswith("on")
        ]
        found += [tag for tag in self.tags if tag in ("iframe", "object", "embed", "base", "form")]
        styles = [self.styles, *(value for _, name, value in self.attributes if name == "style")]
        return found + [each for text in styles for each in re.findall(r"@import|url\(|//", text)]


def value(text: str) -> float:
    """A number as it is shown, such as ``~1.25 M``."""
    digits, _, prefix = text.strip().lstrip("~").partition(" ")
    return float(digits.replace(",", "")) * PREFIX[prefix]
