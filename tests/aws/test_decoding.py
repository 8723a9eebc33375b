"""Decoding what AWS sends, also what no database stores."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aws.decoding import clean, decode, decode_fast, read_time, shorten


def test_a_lone_surrogate_is_decoded_though_orjson_refuses_it() -> None:
    assert decode(b'{"things": ["\\ud800"]}') == {"things": ["\ud800"]}


@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"things": [', b"\xff\xfe"])
def test_what_is_not_json_is_left_to_botocore(body: bytes) -> None:
    response = {"status_code": 200, "body": body}
    customized: dict[str, Any] = {}
    decode_fast(response, customized)
    assert (response["body"], customized) == (body, {})


def test_an_error_answer_is_left_to_botocore() -> None:
    body = b'{"message": "no"}'
    response = {"status_code": 403, "body": body}
    customized: dict[str, Any] = {}
    decode_fast(response, customized)
    assert (response["body"], customized) == (body, {})


def test_a_page_is_handed_over_as_it_is_on_the_wire() -> None:
    page = {"coveredResources": [{"lastScannedAt": 1795000000.25}], "nextToken": "t"}
    response = {"status_code": 200, "body": json.dumps(page).encode()}
    customized: dict[str, Any] = {}
    decode_fast(response, customized)
    assert customized == page
    assert response["body"] == b"{}"


def test_nul_and_surrogates_become_the_replacement_character_everywhere() -> None:
    value = {"a\x00": ["b\ud800", {"c": "d\udfffe"}], "n": 1}
    assert clean(value) == {"a\ufffd": ["b\ufffd", {"c": "d\ufffde"}], "n": 1}


def test_emoji_and_direction_marks_are_kept() -> None:
    assert clean("🚀 \u202eevil") == "🚀 \u202eevil"


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (None, None),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1795000000.5, datetime(2026, 11, 18, 11, 6, 40, 500000, tzinfo=UTC)),
        ("2026-11-18T11:06:40Z", datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)),
        ("2026-11-18T11:06:40", datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_utc(value: object, time: datetime | None) -> None:
    assert read_time(value) == time


@pytest.mark.parametrize("value", ["yesterday", 1e30, float("nan"), True, [], {}, float("inf")])
def test_what_is_no_time_is_an_error(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - there is nothing more to say
        read_time(value)


def test_text_is_shortened_by_bytes_and_never_inside_a_character() -> None:
    assert shorten("aé", 2) == "a"
    assert shorten("aé", 3) == "aé"
