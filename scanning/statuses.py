"""The status map: what a status of AWS is called, which list it belongs to, what it means and what to do next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.utils.text import slugify

from scanning.choices import Kind, ScanStatusCode
from scanning.tabs import OTHER, TAB_BY_SLUG, tab_of_type

MAP = Path(__file__).with_name("status_map.json")

REPOSITORIES = "repositories"
NOT_DOCUMENTED = "Not documented in this release."


@dataclass(frozen=True)
class Status:
    """One status as people read it."""

    key: str
    label: str
    detail: str
    group: str
    kind: str
    meaning: str
    action: str
    doc: str

    @property
    def text(self) -> str:
        """The label, with the detail that tells apart what shares it."""
        return f"{self.label}: {self.detail}" if self.detail and self.detail != self.label else self.label


@cache
def status_of(resource_type: str, code: str, reason: str, frequency: str = "") -> Status:
    """The status of a row. Never fails: an unknown reason appears in its own words."""
    tab = tab_of_type(resource_type).status_tab
    if not code and not reason:
        return Status(
            "unknown", "Unknown", "", _group(tab, ""), Kind.FIX, "AWS gave no status for this resource.", "", ""
        )
    reason = _told_reason(tab, reason, frequency)
    exact = _exact(tab, code, reason, frequency)
    if exact:
        return exact if exact.group in TAB_BY_SLUG[tab].groups else _in_group(exact, _group(tab, code))
    alike = next((status for (t, _, r, _), status in _known().items() if t == tab and r == reason), None)
    if alike:
        return _in_group(alike, _group(tab, code))
    label = reason.replace("_", " ").capitalize() or "Unknown"
    kind = Kind.SCANNING if code == ScanStatusCode.ACTIVE else Kind.FIX
    return Status(slugify(label), label, "", _group(tab, code), kind, NOT_DOCUMENTED, "", "")


def is_known(resource_type: str, code: str, reason: str, frequency: str = "") -> bool:
    """Whether the map has a row for this, and `status_of` need not make one up. No status at all is known as such."""
    tab = tab_of_type(resource_type).status_tab
    if not code and not reason:
        return True
    return _exact(tab, code, _told_reason(tab, reason, frequency), frequency) is not None


def _told_reason(tab: str, reason: str, frequency: str) -> str:
    """A repository that is scanned by hand says so by its frequency, whatever its older reason."""
    is_manual = tab == REPOSITORIES and frequency == "MANUAL" and reason not in {"ACCESS_DENIED", "INTERNAL_ERROR"}
    return "SCAN_FREQUENCY_MANUAL" if is_manual else reason


def _exact(tab: str, code: str, reason: str, frequency: str) -> Status | None:
    known = _known()
    return (
        known.get((tab, code, reason, frequency))
        or known.get((tab, code, reason, ""))
        or known.get((OTHER, code, reason, ""))
    )


@cache
def statuses_of_tab(tab: str) -> tuple[Status, ...]:
    """Every status that the map knows for a tab, in the map's order, one for each key."""
    seen: dict[str, Status] = {}
    for (of_tab, *_), status in _known().items():
        if of_tab == tab:
            seen.setdefault(status.key, status)
    return tuple(seen.values())


@cache
def statuses_with(tab: str, key: str) -> tuple[Status, ...]:
    """What shares one label on a tab: one status, or several that their detail or meaning tells apart."""
    alike = [status for (of_tab, *_), status in _known().items() if of_tab in {tab, OTHER} and status.key == key]
    own = [status for (of_tab, *_), status in _known().items() if of_tab == tab and status.key == key]
    return tuple({(status.detail, status.meaning): status for status in own or alike}.values())


@cache
def map_version() -> bytes:
    """Part of every row's content hash, so that a changed map rewrites the rows it was applied to."""
    return sha256(MAP.read_bytes()).digest()[:8]


@cache
def _known() -> dict[tuple[str, str, str, str], Status]:
    rows = json.loads(MAP.read_text(encoding="utf-8"))["statuses"]
    return {
        (row["tab"], row["status_code"], row["reason"], row["scan_frequency"] or ""): Status(
            key=slugify(row["label"]),
            label=row["label"],
            detail=row["detail"],
            group=row["group"],
            kind=row["kind"],
            meaning=row["meaning"],
            action=row["action"],
            doc=row["doc"],
        )
        for row in rows
    }


def _group(tab: str, code: str) -> str:
    of_tab = TAB_BY_SLUG[tab]
    return of_tab.covered if code == ScanStatusCode.ACTIVE else of_tab.not_covered


def _in_group(status: Status, group: str) -> Status:
    return Status(**{**status.__dict__, "group": group})
