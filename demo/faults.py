"""The fault script: what goes wrong, at which call of which operation, one entry for each fault."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from demo.calls import Call
from demo.errors import STATUS_OF_CODE

Body = dict[str, Any]
Edit = Callable[[Body, Any, Mapping[str, Any]], Body]


@dataclass
class Response:
    """An answer on its way out."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Fault:
    """One entry of the script; fields left alone match every call and change nothing of the answer.

    `account` matches the caller, and any account that the request names. `call` is the n-th matching call (1 is the
    first), several of them, or None for every one. `code` and `message` make an error answer in AWS' form, `body` and
    `headers` replace what is sent, `edit` names one of EDITS with its `value`, `cut` sends the first n bytes only while
    the length says more were there, `delay` is in seconds.
    """

    operation: str | None = None
    region: str | None = None
    account: str | None = None
    call: int | list[int] | None = None
    status: int | None = None
    code: str | None = None
    message: str = ""
    retry_after: int | None = None
    delay: float = 0
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    edit: str | None = None
    value: Any = None
    seen: int = 0

    def matches(self, call: Call) -> bool:
        return (
            self.operation in (None, call.operation)
            and self.region in (None, call.region)
            and (self.account is None or self.account in _named(call))
        )

    def is_due(self) -> bool:
        if self.call is None:
            return True
        return self.seen in self.call if isinstance(self.call, list) else self.seen == self.call

    @property
    def replaces(self) -> bool:
        """Nothing of the real answer is left, so the operation need not run."""
        return self.code is not None or self.body is not None

    def apply(self, response: Response, call: Call) -> Response:
        """The answer with this fault in it."""
        headers = response.headers | self.headers
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        body, status = response.body, self.status or response.status
        if self.body is not None:
            body = self.body
        elif self.code is not None:
            status = self.status or STATUS_OF_CODE.get(self.code, 400)
            headers["x-amzn-ErrorType"] = self.code
            headers["Content-Type"] = "application/json"
            body = json.dumps({"__type": self.code, "message": self.message or self.code}).encode()
        elif self.edit == "cut":
            body = body[: self.value or len(body) // 2]
        elif self.edit is not None:
            edited = EDITS[self.edit](json.loads(body), self.value, call.params)
            body = json.dumps(edited).encode()
        return Response(status, headers, body)

    def to_json(self) -> dict[str, Any]:
        plain = asdict(self)
        plain["body"] = base64.b64encode(self.body).decode() if self.body is not None else None
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Fault:
        """A fault that another process sent: `body` is text, or base64 under `body_base64`."""
        given = dict(plain)
        encoded = given.pop("body_base64", None)
        if encoded is not None:
            given["body"] = base64.b64decode(encoded)
        elif isinstance(given.get("body"), str):
            given["body"] = given["body"].encode()
        return cls(**given)

    def __post_init__(self) -> None:
        if self.edit is not None and self.edit != "cut" and self.edit not in EDITS:
            raise ValueError(f"Unknown edit '{self.edit}': one of cut, {', '.join(EDITS)}")


class FaultScript:
    """The faults in the order in which they were added; every one that is due takes part."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, **entry: Any) -> Fault:
        fault = Fault(**entry)
        with self._lock:
            self._faults.append(fault)
        return fault

    def add_fault(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        with self._lock:
            self._faults.remove(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def due(self, call: Call) -> list[Fault]:
        """The faults that hit this call; each counts the calls that match it."""
        with self._lock:
            due = []
            for fault in self._faults:
                if fault.matches(call):
                    fault.seen += 1
                    if fault.is_due():
                        due.append(fault)
            return due

    def __iter__(self) -> Any:
        return iter(list(self._faults))


def _named(call: Call) -> set[str]:
    """The caller and the accounts that the request is about."""
    params = call.params
    filters = params.get("filterCriteria") or {}
    named = [*(filters.get("accountId") or []), *(filters.get("awsAccountId") or [])]
    ids = [one for one in params.get("accountIds") or [] if isinstance(one, str)]
    return {call.account_id, str(params.get("accountId")), *ids, *(str(one.get("value")) for one in named)}


# Edits of a good answer. `rows` is the list that the answer carries, whatever its name.


def _rows_key(body: Body) -> str:
    """The member that holds the answer's rows: its first list."""
    return next(name for name, value in body.items() if isinstance(value, list))


def _edit_rows(change: Callable[[list[Any], Any], list[Any]]) -> Edit:
    def edit(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
        key = _rows_key(body)
        return body | {key: change(body[key], value)}

    return edit


def _null_rows(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
    return body | {_rows_key(body): None}


def _drop_key(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
    dropped = value or _rows_key(body)
    return {name: one for name, one in body.items() if name != dropped}


def _token_name(params: Mapping[str, Any]) -> str:
    return "NextToken" if "NextToken" in params or "MaxResults" in params else "nextToken"


def _set_token(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
    """`value` as the next token; with two faults for odd and even calls, tokens go round in a circle."""
    return body | {_token_name(params): value}


def _repeat_token(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
    """The token that was sent comes back, so the reader would read the same page for ever."""
    name = _token_name(params)
    return body | {name: params.get(name) or body.get(name)}


def _empty_page(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
    """No rows, but the token of the next page: legal, and easily taken for the end."""
    return body | {_rows_key(body): []}


def _end_early(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
    return {name: one for name, one in body.items() if name.lower() != "nexttoken"}


def _set(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
    """Set members by path: value = {"coveredResources.0.scanStatus.reason": "BRAND_NEW"}."""
    for path, new in value.items():
        *way, last = path.split(".")
        target: Any = body
        for name in way:
            target = target[int(name)] if isinstance(target, list) else target.setdefault(name, {})
        target[int(last) if isinstance(target, list) else last] = new
    return body


def _in_first_row(*way: str) -> Edit:
    def edit(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
        row = body[_rows_key(body)][0]
        for name in way[:-1]:
            row = row.setdefault(name, {})
        row[way[-1]] = value
        return body

    return edit


def _poison(body: Body, value: Any, params: Mapping[str, Any]) -> Body:
    r"""Text that databases refuse, into the tags of the first row: `value` is "\u0000" or a lone surrogate."""
    metadata = body[_rows_key(body)][0].setdefault("resourceMetadata", {})
    for member, tags in (("ec2", "tags"), ("lambdaFunction", "functionTags"), ("machineImage", "tags")):
        if member in metadata:
            metadata[member].setdefault(tags, {})["Poison"] = value
            return body
    metadata.setdefault("ecrImage", {}).setdefault("tags", []).append(value)
    return body


EDITS: dict[str, Edit] = {
    "null_rows": _null_rows,
    "drop_key": _drop_key,
    "set_token": _set_token,
    "repeat_token": _repeat_token,
    "empty_page": _empty_page,
    "end_early": _end_early,
    "duplicate_row": _edit_rows(lambda rows, value: [*rows, *rows[:1]]),
    "add_rows": _edit_rows(lambda rows, value: [*rows, *value]),
    "drop_row": _edit_rows(lambda rows, value: rows[: value or 0] + rows[(value or 0) + 1 :]),
    "reverse_rows": _edit_rows(lambda rows, value: rows[::-1]),
    "unknown_reason": _in_first_row("scanStatus", "reason"),
    "unknown_code": _in_first_row("scanStatus", "statusCode"),
    "bad_time": _in_first_row("lastScannedAt"),
    "poison": _poison,
    "set": _set,
}
