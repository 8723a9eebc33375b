"""Decode list pages fast: botocore's own parser costs ten times more a row than the JSON does.

A handler of botocore's public `before-parse` event hands the decoded body over as it is on the wire: names as AWS
writes them, times as seconds since 1970. Error answers, retries and everything else stay botocore's work.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

import orjson

ACCOUNT_ID = re.compile("[0-9]{12}")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def decode_fast(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Leave a body that is not a JSON object to botocore, which makes an answer without a result list of it."""
    if response_dict["status_code"] >= 300:
        return
    page = decode(response_dict["body"])
    if isinstance(page, dict):
        customized_response_dict.update(page)
        response_dict["body"] = b"{}"


def decode(body: bytes) -> Any:
    """The decoded body, or None. orjson refuses lone surrogates, which AWS may send; the standard parser takes them."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body, parse_constant=lambda _: None, parse_float=_finite)
    except ValueError:
        return None


def _finite(text: str) -> float | None:
    """No database stores as JSON what is beyond every number, such as 1e999."""
    number = float(text)
    return number if math.isfinite(number) else None


def read_time(value: object) -> datetime | None:
    """A time of AWS: seconds since 1970, or ISO 8601. Raises ValueError for anything else but None."""
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise ValueError(value)
        if isinstance(value, (int, float)):
            if not math.isfinite(value):
                raise ValueError(value)
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(value) from error
    raise ValueError(value)


def clean(value: Any) -> Any:
    """The same value without what no database stores: NUL and lone surrogates become U+FFFD."""
    if isinstance(value, str):
        return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def is_account_id(value: object) -> bool:
    """Whose row it is decides who may see it: anything but 12 digits is not believed."""
    return isinstance(value, str) and ACCOUNT_ID.fullmatch(value) is not None


def shorten(text: str, longest: int) -> str:
    """At most this many bytes of UTF-8: an index entry of PostgreSQL has a size, not a number of characters."""
    return text.encode()[:longest].decode("utf-8", "ignore")
