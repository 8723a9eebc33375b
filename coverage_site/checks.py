"""What is looked at when a process starts, besides Django's own checks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from coverage_site.broker import BrokerAway, ask


def eviction_warning() -> str:
    """Why the broker may lose tasks by itself, if it may. A broker that is away or does not say is no reason."""
    if not settings.REDIS_URL:
        return ""
    try:
        policy = ask(lambda client: client.config_get("maxmemory-policy")).get("maxmemory-policy", "")
    except BrokerAway:
        return ""
    policy = policy.decode() if isinstance(policy, bytes) else str(policy)
    if policy in {"", "noeviction"}:
        return ""
    return (
        f"Redis' maxmemory-policy is {policy}: when its memory is full it throws tasks away."
        " Set maxmemory-policy to noeviction."
    )


def role_warnings() -> list[str]:
    """Settings that do nothing alone, and look as if they did."""
    found = []
    if not settings.COVERAGE_READ_ONLY and not settings.COVERAGE_WRITE_ROLE_ARN:
        found.append("COVERAGE_READ_ONLY=0 changes nothing without COVERAGE_WRITE_ROLE_ARN: activation stays off.")
    if settings.COVERAGE_EXTERNAL_ID and not (settings.COVERAGE_READ_ROLE_ARN or settings.COVERAGE_WRITE_ROLE_ARN):
        found.append(
            "COVERAGE_EXTERNAL_ID is used for roles alone: set COVERAGE_READ_ROLE_ARN or COVERAGE_WRITE_ROLE_ARN."
        )
    return found


def warnings() -> list[str]:
    """What a person should know, though everything starts."""
    eviction = eviction_warning()
    return [*([eviction] if eviction else []), *role_warnings()]


@checks.register
def look_at_what_was_set(**_: Any) -> list[checks.CheckMessage]:
    return [checks.Warning(warning, id=f"coverage_site.W{number:03}") for number, warning in enumerate(warnings(), 1)]
