"""How many resources are in which status, for one person: the numbers in tiles, groups and choices, from counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

from accounts.models import Person
from scanning.choices import NOT_COVERED
from scanning.models import CoverageCount
from scanning.tabs import CoverageTab, TabTable

FIELDS = ("region", "resource_type", "scan_type", "group", "status_key", "kind")


class Total(NamedTuple):
    region: str
    resource_type: str
    scan_type: str
    group: str
    status_key: str
    kind: str
    rows: int
    before: int
    """At the latest snapshot."""


@dataclass(frozen=True)
class Totals:
    """The counters that a person may see, of all accounts or of some."""

    rows: tuple[Total, ...]

    @classmethod
    def of(cls, person: Person, account_ids: list[str] | None = None) -> Self:
        counts = CoverageCount.objects.summed_for(person, account_ids or None)
        return cls(tuple(Total(*row) for row in counts.totals_and_before(*FIELDS)))  # type: ignore[arg-type]

    def of_table(self, table: TabTable) -> Self:
        return type(self)(tuple(row for row in self.rows if table.lists(row.resource_type, row.scan_type)))

    def narrowed(self, regions: Iterable[str], statuses: Iterable[str] = (), kinds: Iterable[str] = ()) -> Self:
        """Only these Regions, statuses and kinds; an empty choice is no choice."""
        wanted = [(0, set(regions)), (4, set(statuses)), (5, set(kinds))]
        chosen = [(place, values) for place, values in wanted if values]
        return type(self)(tuple(row for row in self.rows if all(row[place] in values for place, values in chosen)))

    @property
    def listed(self) -> int:
        return sum(row.rows for row in self.rows)

    @property
    def not_covered(self) -> int:
        return sum(row.rows for row in self.rows if row.group in NOT_COVERED)

    @property
    def not_covered_before(self) -> int:
        return sum(row.before for row in self.rows if row.group in NOT_COVERED)

    def by_group(self) -> Counter[str]:
        groups: Counter[str] = Counter()
        for row in self.rows:
            groups[row.group] += row.rows
        return groups

    def by_status(self, group: str = "") -> Counter[str]:
        statuses: Counter[str] = Counter()
        for row in self.rows:
            if row.rows and (not group or row.group == group):
                statuses[row.status_key] += row.rows
        return statuses

    def in_trouble(self, region: str, resource_types: Iterable[str]) -> int:
        """How many listed resources of a Region are of these types."""
        kinds = set(resource_types)
        return sum(row.rows for row in self.rows if row.region == region and row.resource_type in kinds)

    def status_keys(self, tab: CoverageTab) -> set[str]:
        return {
            row.status_key
            for row in self.rows
            if row.rows and any(table.lists(row.resource_type, row.scan_type) for table in tab.tables)
        }

    @property
    def kinds_listed(self) -> set[tuple[str, str]]:
        return {(row.resource_type, row.scan_type) for row in self.rows if row.rows}
