"""One request to the stand-in, as its operations and its log see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demo.organization import Organization


@dataclass(frozen=True)
class Call:
    """Who asked what, where and when; `account_id` is the caller's account, `at` seconds since the epoch."""

    operation: str
    region: str
    account_id: str
    params: Mapping[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.time)
    service: str = "inspector2"
    user_agent: str = ""
    principal_arn: str = ""


Answer = dict[str, Any]
Operation = Callable[["Organization", Call], Answer]
