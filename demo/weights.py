"""How often each scan status occurs in the seeded organization, and how long ago such a row was last scanned.

A row of these tables is (status code, reason, weight, hours since the last scan: from, to; None where AWS sends no
lastScannedAt). Every row is dealt at least once before chance begins.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple


class Status(NamedTuple):
    """A scan status as it is dealt to a row."""

    code: str
    reason: str
    weight: float
    hours: tuple[float, float] | None = None


A, I = "ACTIVE", "INACTIVE"  # noqa: E741
DAY = 24.0
CONTINUOUS, ON_PUSH, MANUAL = "CONTINUOUS_SCAN", "SCAN_ON_PUSH", "MANUAL"

INSTANCES = (
    Status(A, "SUCCESSFUL", 640, (0.2, 3 * DAY)),
    Status(A, "DEEP_INSPECTION_PACKAGE_COLLECTION_LIMIT_EXCEEDED", 9, (1, 2 * DAY)),
    Status(I, "DEEP_INSPECTION_PACKAGE_COLLECTION_LIMIT_EXCEEDED", 2, (2 * DAY, 9 * DAY)),
    Status(A, "DEEP_INSPECTION_DAILY_SSM_INVENTORY_LIMIT_EXCEEDED", 7, (1, 2 * DAY)),
    Status(I, "DEEP_INSPECTION_DAILY_SSM_INVENTORY_LIMIT_EXCEEDED", 2, (2 * DAY, 9 * DAY)),
    Status(A, "DEEP_INSPECTION_COLLECTION_TIME_LIMIT_EXCEEDED", 6, (1, 2 * DAY)),
    Status(I, "DEEP_INSPECTION_COLLECTION_TIME_LIMIT_EXCEEDED", 2, (2 * DAY, 9 * DAY)),
    Status(A, "DEEP_INSPECTION_NO_INVENTORY", 8, (1, 2 * DAY)),
    Status(I, "DEEP_INSPECTION_NO_INVENTORY", 2, (2 * DAY, 9 * DAY)),
    Status(A, "PENDING_INITIAL_SCAN", 10),
    Status(I, "PENDING_INITIAL_SCAN", 6),
    Status(I, "EC2_INSTANCE_STOPPED", 95, (1 * DAY, 120 * DAY)),
    Status(I, "INTERNAL_ERROR", 8, (1 * DAY, 6 * DAY)),
    Status(I, "NO_INVENTORY", 20),
    Status(I, "PENDING_DISABLE", 4, (2, 30)),
    Status(I, "RESOURCE_TERMINATED", 8, (0.5, 20)),
    Status(I, "STALE_INVENTORY", 26, (7 * DAY, 60 * DAY)),
    Status(I, "UNMANAGED_EC2_INSTANCE", 88),
    Status(I, "UNSUPPORTED_OS", 14),
    Status(I, "EXCLUDED_BY_TAG", 15, (5 * DAY, 200 * DAY)),
    Status(I, "AGENTLESS_INSTANCE_STORAGE_LIMIT_EXCEEDED", 7, (2 * DAY, 20 * DAY)),
    Status(I, "AGENTLESS_INSTANCE_COLLECTION_TIME_LIMIT_EXCEEDED", 5, (2 * DAY, 20 * DAY)),
    Status(I, "ACCESS_DENIED_TO_ENCRYPTION_KEY", 9),
    Status(I, "ACCESS_DENIED", 5),
)

REPOSITORIES: tuple[tuple[str | None, Status], ...] = (
    (CONTINUOUS, Status(A, "SUCCESSFUL", 520, (1, 2 * DAY))),
    (ON_PUSH, Status(A, "SUCCESSFUL", 120, (1, 30 * DAY))),
    (None, Status(A, "SUCCESSFUL", 30, (1, 9 * DAY))),
    (ON_PUSH, Status(A, "SCAN_FREQUENCY_SCAN_ON_PUSH", 40, (1, 30 * DAY))),
    (ON_PUSH, Status(I, "SCAN_FREQUENCY_SCAN_ON_PUSH", 60, (1 * DAY, 90 * DAY))),
    (CONTINUOUS, Status(I, "ACCESS_DENIED", 12)),
    (MANUAL, Status(A, "SCAN_FREQUENCY_MANUAL", 12)),
    (MANUAL, Status(I, "SCAN_FREQUENCY_MANUAL", 90)),
    (CONTINUOUS, Status(I, "INTERNAL_ERROR", 8)),
    (CONTINUOUS, Status(A, "PENDING_INITIAL_SCAN", 10)),
    (ON_PUSH, Status(I, "PENDING_INITIAL_SCAN", 6)),
    (CONTINUOUS, Status(I, "NO_RESOURCES_FOUND", 20)),
    (CONTINUOUS, Status(I, "PENDING_DISABLE", 5, (1, 30))),
)
"""With the frequency that goes with each; None where AWS sends none."""

_COMMON_IMAGES = (
    Status(I, "INTERNAL_ERROR", 5, (1 * DAY, 9 * DAY)),
    Status(A, "PENDING_INITIAL_SCAN", 10),
    Status(I, "PENDING_INITIAL_SCAN", 4),
    Status(I, "UNSUPPORTED_OS", 22),
    Status(I, "UNSUPPORTED_MEDIA_TYPE", 10),
    Status(I, "IMAGE_SIZE_EXCEEDED", 4),
    Status(I, "IMAGE_ARCHIVED", 9, (30 * DAY, 200 * DAY)),
    Status(I, "PENDING_DISABLE", 3, (1, 30)),
    Status(I, "RESOURCE_TERMINATED", 5, (0.5, 20)),
    Status(I, "INVALID_ARTIFACT", 4),
    Status(I, "ACCESS_DENIED_TO_ENCRYPTION_KEY", 6),
    Status(I, "ACCESS_DENIED", 5),
)
IMAGES: dict[str | None, tuple[Status, ...]] = {
    CONTINUOUS: (
        Status(A, "SUCCESSFUL", 600, (0.5, 4 * DAY)),
        Status(I, "SCAN_ELIGIBILITY_EXPIRED", 210, (31 * DAY, 300 * DAY)),
        Status(A, "PENDING_REVIVAL_SCAN", 8, (40 * DAY, 90 * DAY)),
        *_COMMON_IMAGES,
    ),
    ON_PUSH: (
        Status(A, "SUCCESSFUL", 180, (1, 20 * DAY)),
        Status(A, "SCAN_FREQUENCY_SCAN_ON_PUSH", 60, (1, 20 * DAY)),
        Status(I, "SCAN_FREQUENCY_SCAN_ON_PUSH", 400, (1 * DAY, 200 * DAY)),
        Status(I, "SCAN_ELIGIBILITY_EXPIRED", 120, (31 * DAY, 300 * DAY)),
        *_COMMON_IMAGES,
    ),
    MANUAL: (Status(I, "SCAN_FREQUENCY_MANUAL", 100),),
    None: (
        Status(A, "SUCCESSFUL", 70, (1, 9 * DAY)),
        Status(I, "SCAN_ELIGIBILITY_EXPIRED", 30, (31 * DAY, 300 * DAY)),
    ),
}

FUNCTIONS = (
    Status(A, "SUCCESSFUL", 700, (1, 20 * DAY)),
    Status(I, "EXCLUDED_BY_TAG", 24, (5 * DAY, 200 * DAY)),
    Status(I, "SCAN_ELIGIBILITY_EXPIRED", 130, (91 * DAY, 300 * DAY)),
    Status(I, "INTERNAL_ERROR", 8, (1 * DAY, 9 * DAY)),
    Status(A, "PENDING_INITIAL_SCAN", 10),
    Status(I, "PENDING_INITIAL_SCAN", 5),
    Status(I, "UNSUPPORTED_RUNTIME", 50),
    Status(I, "INVALID_ARTIFACT", 5),
    Status(I, "ACCESS_DENIED_TO_ENCRYPTION_KEY", 9),
    Status(I, "ACCESS_DENIED", 6),
    Status(I, "PENDING_DISABLE", 4, (1, 30)),
    Status(I, "RESOURCE_TERMINATED", 5, (0.5, 20)),
)
FUNCTION_CODE = (
    *(status._replace(hours=None) if index % 2 else status for index, status in enumerate(FUNCTIONS)),
    Status(I, "UNSUPPORTED_CODE_ARTIFACTS", 30),
)
"""Code scanning leaves lastScannedAt out more often."""

_OTHER = (
    Status(A, "SUCCESSFUL", 60, (1, 5 * DAY)),
    Status(A, "SCAN_IN_PROGRESS", 5),
    Status(I, "SCAN_IN_PROGRESS", 2),
    Status(A, "PENDING_INITIAL_SCAN", 5),
    Status(I, "PENDING_INITIAL_SCAN", 2),
)
CODE_REPOSITORIES = (
    *_OTHER,
    Status(I, "INTEGRATION_CONNECTION_LOST", 8, (5 * DAY, 60 * DAY)),
    Status(I, "UNSUPPORTED_LANGUAGE", 5),
    Status(I, "NO_SCAN_CONFIGURATION_ASSOCIATED", 8),
    Status(I, "UNSUPPORTED_CONFIG_FILE", 4),
)
MACHINE_IMAGES = (
    *_OTHER,
    Status(I, "EXTRACTION_COLLECTION_TIME_LIMIT_EXCEEDED", 4),
    Status(I, "STORAGE_LIMIT_EXCEEDED", 4),
)
CLOUD = (
    Status(A, "SUCCESSFUL", 60, (1, 3 * DAY)),
    Status(I, "RESOURCE_UNMANAGED", 12),
    Status(I, "RESOURCE_STOPPED", 10, (2 * DAY, 60 * DAY)),
)


class Deck:
    """Deals every status once, in an order of chance, and then by weight."""

    def __init__(self, random: Random, statuses: tuple[Status, ...]) -> None:
        self._random = random
        self._statuses = statuses
        self._first = random.sample(statuses, len(statuses))
        self._cumulative: list[float] = []
        total = 0.0
        for status in statuses:
            total += status.weight
            self._cumulative.append(total)

    def deal(self) -> Status:
        if self._first:
            return self._first.pop()
        return self._random.choices(self._statuses, cum_weights=self._cumulative)[0]
