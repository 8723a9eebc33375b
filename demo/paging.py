"""Filters and page tokens as Inspector understands them, shared by every list operation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from demo.calls import Call
from demo.errors import invalid

SECRET = secrets.token_bytes(16)
"""Tokens of another process are as unknown to this one as expired tokens are to AWS."""

Getter = Callable[[Any], Any]
Predicate = Callable[[Any], bool]


def path(*names: str | int) -> Getter:
    """Read a nested member; None where anything on the way is absent."""

    def read(value: Any) -> Any:
        for name in names:
            if isinstance(name, int):
                value = value[name] if isinstance(value, list) and len(value) > name else None
            else:
                value = value.get(name) if isinstance(value, Mapping) else None
            if value is None:
                return None
        return value

    return read


def page_size(params: Mapping[str, Any], most: int, name: str = "maxResults", default: int | None = None) -> int:
    """The number of rows asked for; outside AWS' limits it is a ValidationException."""
    size = params.get(name)
    if size is None:
        return default or most
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= most:
        raise invalid(f"Value '{size}' at '{name}' failed to satisfy constraint: between 1 and {most}", field=name)
    return size


def read_token(call: Call, name: str = "nextToken") -> Any:
    """The position that a token stands for; None on the first page.

    A token is bound to operation, Region, caller and filters: with another filter it is as invalid as a made-up one.
    """
    token = call.params.get(name)
    if token is None:
        return None
    try:
        signature, position = base64.urlsafe_b64decode(str(token).encode()).split(b"|", 1)
        valid = hmac.compare_digest(signature, _signature(call, name, position))
        value = json.loads(position) if valid else None
    except ValueError:
        valid = False
    if not valid:
        raise invalid("The provided nextToken is invalid or was issued for other filter parameters", field=name)
    return value


def make_token(call: Call, position: Any, name: str = "nextToken") -> str:
    """The token of the page that begins after this position."""
    body = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_signature(call, name, body) + b"|" + body).decode()


def _signature(call: Call, name: str, position: bytes) -> bytes:
    bound = {key: value for key, value in call.params.items() if key.lower() not in (name.lower(), "maxresults")}
    text = json.dumps([call.operation, call.region, call.account_id, bound], sort_keys=True).encode()
    return hmac.new(SECRET, text + position, hashlib.sha256).hexdigest()[:40].encode()


def matcher(fields: Mapping[str, tuple[str, Getter]], call: Call, comparisons: tuple[str, ...]) -> Predicate:
    """One predicate for all filter criteria: fields AND-ed, EQUALS within a field OR-ed, NOT_EQUALS AND-ed."""
    checks: list[tuple[Getter, Predicate]] = []
    for name, filters in (call.params.get("filterCriteria") or {}).items():
        if name not in fields:
            raise invalid(f"Unknown filter '{name}'", reason="CANNOT_PARSE", field=name)
        if not isinstance(filters, list) or not 1 <= len(filters) <= 10:
            raise invalid(f"Filter '{name}' takes 1 to 10 values", field=name)
        kind, getter = fields[name]
        checks.append((getter, KINDS[kind](name, filters, comparisons)))
    if not checks:
        return lambda value: True
    if len(checks) == 1:
        getter, check = checks[0]
        return lambda value: check(getter(value))
    return lambda value: all(check(getter(value)) for getter, check in checks)


def string_filter(name: str, filters: list[Mapping[str, str]], comparisons: tuple[str, ...]) -> Predicate:
    """EQUALS and PREFIX are alternatives, each NOT_EQUALS excludes."""
    wanted: set[str] = set()
    prefixes: list[str] = []
    unwanted: set[str] = set()
    for one in filters:
        comparison, value = one.get("comparison"), one.get("value")
        if comparison not in comparisons:
            raise invalid(f"Comparison '{comparison}' of '{name}' is not one of {', '.join(comparisons)}", field=name)
        if not isinstance(value, str) or not 1 <= len(value) <= 1024:
            raise invalid(f"Value of '{name}' must have 1 to 1024 characters", field=name)
        if comparison == "PREFIX":
            prefixes.append(value)
        else:
            (wanted if comparison == "EQUALS" else unwanted).add(value)
    starts = tuple(prefixes)

    def check(value: Any) -> bool:
        values = value if isinstance(value, list) else [] if value is None else [value]
        if (wanted or starts) and not any(one in wanted or (starts and str(one).startswith(starts)) for one in values):
            return False
        return not any(one in unwanted for one in values)

    return check


def map_filter(name: str, filters: list[Mapping[str, str]], _: tuple[str, ...]) -> Predicate:
    """Key and value, or the key alone."""
    for one in filters:
        if one.get("comparison") != "EQUALS":
            raise invalid(f"Comparison of '{name}' must be EQUALS", field=name)
        if not one.get("key"):
            raise invalid(f"Key of '{name}' must not be empty", field=name)

    def check(value: Any) -> bool:
        tags = value or {}
        return any(one["key"] in tags and one.get("value", tags[one["key"]]) == tags[one["key"]] for one in filters)

    return check


def range_filter(low: str, high: str) -> Callable[[str, list[Mapping[str, Any]], tuple[str, ...]], Predicate]:
    """A filter of inclusive bounds; a value that is absent matches none."""

    def make(name: str, filters: list[Mapping[str, Any]], _: tuple[str, ...]) -> Predicate:
        for one in filters:
            if one.get(low) is not None and one.get(high) is not None and one[low] > one[high]:
                raise invalid(f"Filter '{name}' ends before it starts", field=name)

        def check(value: Any) -> bool:
            if value is None:
                return False
            return any(
                (one.get(low) is None or value >= one[low]) and (one.get(high) is None or value <= one[high])
                for one in filters
            )

        return check

    return make


def port_filter(name: str, filters: list[Mapping[str, Any]], _: tuple[str, ...]) -> Predicate:
    """A range of ports matches where it overlaps."""

    def check(value: Any) -> bool:
        return value is not None and any(
            value["begin"] <= one.get("endInclusive", 65535) and value["end"] >= one.get("beginInclusive", 0)
            for one in filters
        )

    return check


def package_filter(name: str, filters: list[Mapping[str, Any]], comparisons: tuple[str, ...]) -> Predicate:
    """A vulnerable package matches when all named parts of one filter do."""
    named = {"architecture": "arch"}
    alternatives = [
        [
            (named.get(part, part), string_filter(name, [condition], comparisons))
            for part, condition in one.items()
            if part != "epoch"
        ]
        for one in filters
    ]

    def check(value: Any) -> bool:
        return any(
            all(condition(package.get(part)) for part, condition in parts)
            for package in value or []
            for parts in alternatives
        )

    return check


KINDS: dict[str, Callable[[str, list[Any], tuple[str, ...]], Predicate]] = {
    "string": string_filter,
    "map": map_filter,
    "date": range_filter("startInclusive", "endInclusive"),
    "number": range_filter("lowerInclusive", "upperInclusive"),
    "ports": port_filter,
    "packages": package_filter,
}
