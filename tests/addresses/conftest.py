"""The world of tests/addresses/world.py, and somebody in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client


@pytest.fixture
def names(db: None, settings: Any) -> dict[str, str]:
    """What the addresses of the table name."""
    from tests.addresses import world

    return world.made(settings)


@pytest.fixture
def log_in(names: dict[str, str]) -> Callable[[str], Client]:
    from tests.addresses import world

    return partial(world.log_in, names=names)
