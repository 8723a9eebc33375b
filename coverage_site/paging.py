"""Lists page by their sort key: the cursor in the address holds a row's (value, id), so page 1000 costs as page 1."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import BadRequest
from django.db import models
from django.db.models import Q
from django.http import QueryDict

from coverage_site.links import changed

Row = TypeVar("Row", bound=models.Model)

LONGEST_CURSOR = 4096
LARGEST_ID = 2**63 - 1
PER_PAGE = (25, 50, 100, 200)
PER_PAGE_DEFAULT = 50


@dataclass(frozen=True)
class Sort:
    """One way to order a list. The field is never NULL; `reverse` is set where its order runs against the label's."""

    name: str
    label: str
    field: str
    is_time: bool = False
    reverse: bool = False
    first_down: bool = False

    @property
    def at_first(self) -> str:
        """What a click on the heading of an unsorted column asks for."""
        return f"-{self.name}" if self.first_down else self.name


@dataclass(frozen=True)
class Order:
    """A sort with its direction, as the address names it: `name` or `-name`."""

    sort: Sort
    descending: bool

    def __str__(self) -> str:
        return f"-{self.sort.name}" if self.descending else self.sort.name

    @property
    def opposite(self) -> str:
        return self.sort.name if self.descending else f"-{self.sort.name}"

    @property
    def field_descends(self) -> bool:
        return self.descending != self.sort.reverse


@dataclass(frozen=True)
class Heading:
    """A column's heading: a link where the list can be sorted by it; two where a cell holds two facts."""

    label: str
    css: str = ""
    address: str = ""
    aria_sort: str = ""
    second: Heading | None = None
    meaning: str = ""
    """What the column says, told on hover, on focus and to screen readers."""

    @property
    def column_sort(self) -> str:
        return self.aria_sort or (self.second.aria_sort if self.second else "")


def sorting(label: str, sort: Sort, order: Order, query: QueryDict, *, css: str = "", prefix: str = "") -> Heading:
    """The heading that sorts by this, from the first page on; the other way round if the list is sorted so already.

    `prefix` tells the parameters of several lists on one page apart.
    """
    is_current = order.sort == sort
    asked = order.opposite if is_current else sort.at_first
    address = changed(query, {f"{prefix}sort": asked, f"{prefix}after": None, f"{prefix}before": None})
    direction = "descending" if order.descending else "ascending"
    return Heading(label, css, address, direction if is_current else "")


@dataclass(frozen=True)
class Cursor:
    """Where a page begins (after a row) or ends (before a row)."""

    value: str | datetime
    id: int
    backwards: bool


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of one page, and the cursors of its neighbours (empty: there is none)."""

    rows: Sequence[Row]
    previous: str
    next: str


def read_order(text: str, sorts: Mapping[str, Sort], default: str) -> Order:
    text = text or default
    sort = sorts.get(text.removeprefix("-"))
    if sort is None:
        raise BadRequest(f"This list cannot be sorted by “{text[:40]}”. It can be by {', '.join(sorts)}.")
    return Order(sort, descending=text.startswith("-"))


def read_per_page(text: str) -> int:
    sizes = {str(size): size for size in PER_PAGE}
    if text and text not in sizes:
        raise BadRequest(f"A page has {', '.join(sizes)} rows, not “{text[:40]}”.")
    return sizes.get(text, PER_PAGE_DEFAULT)


def read_cursor(after: str, before: str, order: Order) -> Cursor | None:
    """The place that the address names. A cursor that we did not make for this order is refused."""
    if after and before:
        raise BadRequest("A page begins after one row or ends before another, not both.")
    if not after and not before:
        return None
    try:
        value, id_ = _decode(after or before, order)
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise BadRequest(
            "The address names a place in the list that does not exist. Start from the first page."
        ) from None
    return Cursor(value, id_, backwards=bool(before))


def _decode(text: str, order: Order) -> tuple[str | datetime, int]:
    if len(text) > LONGEST_CURSOR:
        raise ValueError(text)
    name, value, id_ = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    if name != str(order) or type(id_) is not int or not 0 < id_ <= LARGEST_ID:
        raise ValueError(text)
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError(text)
    value.encode()  # raises for a lone surrogate, which no database takes
    return (_aware(value), id_) if order.sort.is_time else (value, id_)


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at.astimezone(UTC)


def encode(row: models.Model, order: Order) -> str:
    value = getattr(row, order.sort.field)
    text = value.isoformat() if order.sort.is_time else str(value)
    content = json.dumps([str(order), text, row.pk], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).rstrip(b"=").decode()


def page_of(rows: models.QuerySet[Row], order: Order, cursor: Cursor | None, per_page: int) -> Page[Row]:
    """One page. Asks for one row more than it shows, to know whether there is another page."""
    backwards = cursor is not None and cursor.backwards
    if cursor is not None:
        rows = rows.filter(_beyond(order, cursor))
    found = list(ordered(rows, order, backwards=backwards)[: per_page + 1])
    more, found = len(found) > per_page, found[:per_page]
    if backwards:
        found.reverse()
    has_previous, has_next = (more, True) if backwards else (cursor is not None, more)
    return Page(
        rows=found,
        previous=encode(found[0], order) if found and has_previous else "",
        next=encode(found[-1], order) if found and has_next else "",
    )


def ordered(rows: models.QuerySet[Row], order: Order, *, backwards: bool = False) -> models.QuerySet[Row]:
    sign = "-" if order.field_descends != backwards else ""
    return rows.order_by(f"{sign}{order.sort.field}", f"{sign}id")


def _beyond(order: Order, cursor: Cursor) -> Q:
    """(value, id) beyond the cursor's. The first condition alone lets an index find the place."""
    field = order.sort.field
    side = "lt" if order.field_descends != cursor.backwards else "gt"
    conditions: dict[str, Any] = {f"{field}__{side}e": cursor.value}
    return Q(**conditions) & (Q(**{f"{field}__{side}": cursor.value}) | Q(**{f"id__{side}": cursor.id}))
