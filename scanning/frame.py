"""What stands around every page: how fresh it all is, what could not be read, the tabs, and the numbers above them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Person
from aws import heartbeats
from aws.choices import ScopeState
from aws.models import GLOBAL
from coverage_site.drawing import absolute, ago, clock, markup, noun_for
from coverage_site.links import changed, known
from scanning.choices import Group, ResourceType
from scanning.freshness import NOT_MONITORED, STALE, Freshness, Trouble
from scanning.tabs import CoverageTab, TabTable, tabs_shown
from scanning.totals import Totals

A_DAY_AND_A_HALF = timedelta(hours=36)
NOTHING_CHANGED = SafeString("")
SHARED = ("region", "account")
"""The parameters that go along from tab to tab."""


@dataclass(frozen=True)
class Notice:
    """One line of the banner: what could not be read, since when, why, and what is shown in its place."""

    subject: str
    predicate: str
    error: str
    consequence: str
    address: str
    link: str

    @property
    def end(self) -> str:
        """The last character before the consequence: errors of AWS end with a full stop or without."""
        return (self.error or self.predicate)[-1:]


@dataclass(frozen=True)
class TabLink:
    slug: str
    label: str
    address: str


@dataclass(frozen=True)
class Tile:
    """One number above the tabs, with its definition. `share` is None where there is nothing to divide by."""

    key: str
    address: str
    number: str
    label: str
    note: str
    share: int | None
    share_label: str
    definition: str
    is_minor: bool = False
    """Of a tab that the console does not have: told in one line, below the others."""
    trend: SafeString = NOTHING_CHANGED


class Frame:
    """One request's frame, read when a template asks for it: the scopes and the counters, one query each."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @property
    def person(self) -> Person | None:
        return self.request.user if isinstance(self.request.user, Person) else None

    @property
    def sees_something(self) -> bool:
        person = self.person
        return person is not None and (person.sees_all_accounts or person.sees_granted_accounts)

    @cached_property
    def freshness(self) -> Freshness:
        return Freshness.read()

    @cached_property
    def totals(self) -> Totals:
        """What the person may see, whatever is filtered by."""
        return Totals.of(self.person) if self.person else Totals(())

    @cached_property
    def shared_query(self) -> QueryDict:
        return known(self.request.GET, SHARED)

    @property
    def accounts_chosen(self) -> list[str]:
        return self.shared_query.getlist("account")

    @property
    def regions_chosen(self) -> list[str]:
        return self.shared_query.getlist("region")

    @cached_property
    def chosen_totals(self) -> Totals:
        """The same for the chosen accounts and Regions."""
        chosen = self.accounts_chosen
        totals = Totals.of(self.person, chosen) if chosen and self.person else self.totals
        return totals.narrowed(self.regions_chosen)

    # --- Freshness

    @property
    def is_current(self) -> bool:
        return not self.freshness.troubles and bool(self.freshness.current_regions)

    @property
    def freshness_in_words(self) -> str:
        fresh = self.freshness
        if fresh.oldest is None:
            return "Being read for the first time" if fresh.is_running else "Not read yet"
        if len(fresh.current_regions) == fresh.region_count:
            return f"As of {ago(fresh.oldest, fresh.now)}"
        current, total = len(fresh.current_regions), fresh.region_count
        return f"{current} of {total} Regions current, oldest {clock(fresh.oldest, fresh.now)}"

    @cached_property
    def notices(self) -> list[Notice]:
        """One a trouble; what is merely late is late for one reason, so it is told at once."""
        late = [trouble for trouble in self.freshness.troubles if trouble.state == STALE]
        failed = [trouble for trouble in self.freshness.troubles if trouble.state != STALE]
        joined = [self._late(late)] if len(late) > 1 else [self._notice(trouble) for trouble in late]
        return [*(self._notice(trouble) for trouble in failed), *joined]

    def _late(self, troubles: list[Trouble]) -> Notice:
        found = {trouble.region for trouble in troubles}
        regions = ["The organization"] * (GLOBAL in found) + sorted(found - {GLOBAL})
        oldest = min((trouble.as_of for trouble in troubles if trouble.as_of), default=None)
        as_of = clock(oldest, self.freshness.now) if oldest else "long ago"
        return Notice(
            subject=in_words(regions),
            predicate="not read lately. Is the worker running?",
            error="",
            consequence=f"What is shown is as of {as_of} or later and marked",
            address=reverse("sync"),
            link=WHAT_WAS_READ,
        )

    def _notice(self, trouble: Trouble) -> Notice:
        now = self.freshness.now
        since = f" since {clock(trouble.since, now)}" if trouble.since else ""
        predicate = {
            ScopeState.FAILED.value: f"could not be read{since}",
            ScopeState.HELD.value: f"held{since}: what AWS answered differs too much from before to be believed",
            NOT_MONITORED: "read no more, as COVERAGE_REGIONS does not name the Region",
        }.get(trouble.state, "not read lately. Is the worker running?")
        if trouble.is_released:
            predicate = f"held{since} and released: the next read follows"
        sees_errors = self.person is not None and self.person.sees_all_accounts
        is_one = len(trouble.scopes) == 1
        return Notice(
            subject=self._subject(trouble),
            predicate=predicate,
            error=trouble.error if sees_errors else "",
            consequence=self._consequence(trouble),
            address=trouble.scopes[0].get_absolute_url() if is_one else f"{reverse('sync')}#{trouble.region}",
            link=self._link(trouble),
        )

    def _link(self, trouble: Trouble) -> str:
        """What the person finds on the page of reads."""
        person = self.person
        if person is None or not person.sees_all_accounts or trouble.is_released:
            return WHAT_WAS_READ
        if trouble.state == ScopeState.HELD:
            return "Release or refuse" if person.may_sync else "What would go"
        return "What to do" if trouble.state == ScopeState.FAILED else WHAT_WAS_READ

    def _subject(self, trouble: Trouble) -> str:
        """The Region, if all its coverage is concerned; else what of it."""
        of_region = {kind for (region, kind) in self.freshness.coverage if region == trouble.region}
        if trouble.resource_types and trouble.resource_types == of_region:
            return trouble.region
        nouns = trouble.nouns
        words = in_words(nouns)
        words = words[0].upper() + words[1:]
        return words if trouble.region == GLOBAL else f"{words} in {trouble.region}"

    def _consequence(self, trouble: Trouble) -> str:
        """What the pages show instead."""
        as_of = clock(trouble.as_of, self.freshness.now) if trouble.as_of else ""
        count = self.totals.in_trouble(trouble.region, trouble.resource_types - {ResourceType.AWS_ACCOUNT})
        if trouble.resource_types and count:
            noun = "resource is" if count == 1 else "resources are"
            return f"Its {count:,} {noun} shown as of {as_of or 'an incomplete read'} and marked"
        return f"What is shown is as of {as_of}" if as_of else "It was never read completely"

    # --- Tabs and tiles

    @cached_property
    def tabs(self) -> list[TabLink]:
        query = changed(self.shared_query, {}) if self.shared_query else ""
        accounts = TabLink("accounts", "Accounts", "/coverage/accounts/" + query)
        shown = tabs_shown(self.totals.kinds_listed)
        return [accounts, *(TabLink(tab.slug, tab.label, tab_url(tab) + query) for tab in shown)]

    @cached_property
    def tiles(self) -> list[Tile]:
        shown = tabs_shown(self.totals.kinds_listed)
        listed = [self._tile(tab, table) for tab in shown for table in tab.tables]
        return [*(tile for make in TILES_BEFORE for tile in make(self)), *listed]

    def _tile(self, tab: CoverageTab, table: TabTable) -> Tile:
        totals = self.chosen_totals.of_table(table)
        listed, gap = totals.listed, totals.not_covered
        verb = "not activated" if tab.not_covered == Group.NOT_ACTIVATED else "not scanning"
        kind = f", {table.kind}," if table.kind else ""
        regions = self.regions_chosen or self.freshness.regions
        is_known = listed > 0 or self.freshness.has_read(table.resource_types, regions)
        share = round(100 * (listed - gap) / listed) if listed else None
        if share == 100 and gap:
            share = 99
        done = "activated" if tab.not_covered == Group.NOT_ACTIVATED else "scanning"
        return Tile(
            key=f"{tab.slug}-{table.prefix}tile",
            address=tab_url(tab) + changed(self.shared_query, {"group": tab.not_covered.value}),
            number=f"{gap:,}" if is_known else "—",
            label=f"{noun_for(gap if is_known else 0, table.noun)}{kind} {verb}",
            note=(f"of {listed:,} listed" if listed else "none listed") if is_known else "not read yet",
            share=share,
            share_label=f"{share} percent {done}",
            definition=f"{tab.definition} {NOT_LISTED}",
            is_minor=not tab.is_of_console,
            trend=self._trend(gap - totals.not_covered_before),
        )

    @cached_property
    def compared_with(self) -> datetime | None:
        """When the counters were last remembered: once a day."""
        return heartbeats.last_seen(heartbeats.SNAPSHOT)

    def _trend(self, more: int) -> SafeString:
        if not more or self.compared_with is None:
            return NOTHING_CHANGED
        is_daily = self.freshness.now - self.compared_with < A_DAY_AND_A_HALF
        since = "yesterday" if is_daily else f"{self.compared_with.day} {self.compared_with:%b}"
        words = f"{'+' if more > 0 else '−'}{abs(more):,} since {since}"
        return markup(' · <span class="trend" title="Since {}">{}</span>', absolute(self.compared_with), words)


WHAT_WAS_READ = "What was read"
NOT_LISTED = "Inspector lists nothing where a scan type is not activated: what is not listed is not counted."
TILES_BEFORE: list[Callable[[Frame], list[Tile]]] = []
"""What makes the tiles that stand before those of the tabs; the site puts it here when it starts."""


def in_words(nouns: list[str]) -> str:
    return nouns[0] if len(nouns) == 1 else f"{', '.join(nouns[:-1])} and {nouns[-1]}"


def tab_url(tab: CoverageTab) -> str:
    return reverse("coverage", args=[tab.slug])


def frame_of(request: HttpRequest) -> Frame:
    """The request's frame, made once: view and templates ask the same one."""
    frame = getattr(request, "coverage_frame", None)
    if not isinstance(frame, Frame):
        frame = Frame(request)
        request.coverage_frame = frame  # type: ignore[attr-defined]
    return frame
