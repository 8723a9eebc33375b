"""Addresses that differ from the present one in some parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.http import QueryDict

Changes = Mapping[str, str | list[str] | None]


def known(query: QueryDict, names: Iterable[str]) -> QueryDict:
    """Only the parameters that the page knows, and only those with a value: a form sends its empty fields, too."""
    kept = QueryDict(mutable=True)
    for name in names:
        if values := [value for value in query.getlist(name) if value]:
            kept.setlist(name, values)
    return kept


def unknown(query: QueryDict, names: Iterable[str]) -> list[str]:
    """The parameters with a value that the page does not know. It leaves them out, and says so."""
    given = {name for name, values in query.lists() if any(values)}
    return sorted(name[:60] for name in given.difference(names))


def changed(query: QueryDict, changes: Changes) -> str:
    """The query string with these parameters set, or taken out (None). Begins with `?`, so that it stands alone."""
    copy = query.copy()
    for name, value in changes.items():
        if value is None or value == []:
            copy.pop(name, None)
        else:
            copy.setlist(name, [value] if isinstance(value, str) else value)
    return "?" + copy.urlencode(safe=":,")
