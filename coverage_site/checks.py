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


@checks.register
def broker_keeps_what_it_gets(**_: Any) -> list[checks.CheckMessage]:
    warning = eviction_warning()
    return [checks.Warning(warning, id="coverage_site.W001")] if warning else []
