"""Log lines: one for each event whatever it holds, with the id of the request, and without secrets.

Formatting is where text leaves the process, tracebacks included, so it is here that secrets are taken out.
"""

from __future__ import annotations

import json
import logging
import os
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from coverage_site.request_ids import request_id

HIDDEN = "[hidden]"
SHORTEST_SECRET = 8
"""Shorter values are no secrets, and would take words out of every line."""
LONGEST = 16_000
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_QUOTE = r"""(?:\\?["'])?"""
_NAMES = (
    r"aws_?secret_?access_?key|secret_?access_?key|secret_?key|aws_?session_?token|session_?token|"
    r"x-amz-security-token|x-amz-signature|x-amz-credential|authorization|proxy-authorization|cookie|set-cookie|"
    r"csrfmiddlewaretoken|password|passwd|requirepass"
)
PATTERNS = (
    # Whole headers, as a line, in a dict, and as AWS writes them.
    (re.compile(r"AWS4-HMAC-SHA256\s+Credential=[^\r\n\"']*", re.IGNORECASE), HIDDEN),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # <SecretAccessKey>…</SecretAccessKey>
    (re.compile(r"(<(SecretAccessKey|SessionToken|AccessKeyId)>)[^<]*", re.IGNORECASE), rf"\1{HIDDEN}"),
    # name: value, 'name': b'value', name=value
    (re.compile(rf"(\b(?:{_NAMES}){_QUOTE}\s*[:=]\s*b?{_QUOTE})[^\s\"'\\,;&)}}\]]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(Signature:\s*)[0-9a-f]{64}\b", re.IGNORECASE), rf"\1{HIDDEN}"),
    # scheme://user:password@host
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(@)", re.IGNORECASE), rf"\1{HIDDEN}\2"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), HIDDEN),
)


def own_secrets() -> list[str]:
    """What this process knows and nobody may read in a log: the longest first, as one may hold another."""
    names = (
        "SECRET_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "COVERAGE_METRICS_TOKEN",
        "COVERAGE_OIDC_CLIENT_SECRET",
    )
    found = {os.environ.get(name, "").strip() for name in names}
    for name in ("SECRET_KEY_FILE", "COVERAGE_METRICS_TOKEN_FILE", "COVERAGE_OIDC_CLIENT_SECRET_FILE"):
        if path := os.environ.get(name, "").strip():
            try:
                with open(path, encoding="utf-8") as file:
                    found.add(file.read().strip())
            except (OSError, UnicodeDecodeError):
                continue  # The settings say so.
    for name in ("DATABASE_URL", "REDIS_URL"):
        try:
            password = urlsplit(os.environ.get(name, "")).password or ""
        except ValueError:
            continue
        found |= {password, unquote(password)}
    return sorted((one for one in found if len(one) >= SHORTEST_SECRET), key=len, reverse=True)


class Line(logging.Formatter):
    """Text for a person who looks on. What an event holds cannot look like another event."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets = own_secrets()

    def format(self, record: logging.LogRecord) -> str:
        message, trace = self.message_of(record), self.trace_of(record)
        current = request_id.get()
        at = datetime.fromtimestamp(record.created, UTC)
        line = f"{at:%Y-%m-%d %H:%M:%S} {record.levelname} {record.name}: {visible(message)}"
        line += f" [{current}]" if current else ""
        return "\n  | ".join([line, *(visible(one) for one in trace.splitlines())])

    def message_of(self, record: logging.LogRecord) -> str:
        try:
            message = record.getMessage()
        except Exception:
            message = f"{record.msg} (its arguments do not fit)"
        return self.redact(message)

    def trace_of(self, record: logging.LogRecord) -> str:
        parts = [self.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
        parts += [self.formatStack(record.stack_info)] if record.stack_info else []
        return self.redact("\n".join(parts))

    def redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for pattern, instead in PATTERNS:
            text = pattern.sub(instead, text)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"


class JsonLine(Line):
    """One JSON object on one line, in ASCII: a collector reads it, and a terminal runs nothing of it."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event: dict[str, Any] = {
            "time": at,
            "level": record.levelname,
            "logger": record.name,
            "message": self.message_of(record),
            "request_id": request_id.get(),
        }
        if trace := self.trace_of(record):
            event["exception"] = trace
        return json.dumps(event).replace("\x7f", "\\u007f")


def visible(text: str) -> str:
    """Control characters as what they are called: they move no cursor and begin no line."""
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def configuration(level: str, form: str) -> dict[str, Any]:
    """For logging.config: everything goes to standard error, the web server's own lines too."""
    ours = {"handlers": ["console"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonLine if form == "json" else Line}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "botocore": {"level": "WARNING"},
            "django": {"handlers": [], "propagate": True},
            "django.request": {"level": "ERROR"},
            "gunicorn.error": {**ours, "level": level},
            "gunicorn.access": {**ours, "level": level},
        },
    }
