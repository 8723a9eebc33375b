"""The query string as a form, and the form as QuerySet verbs.

A value that it does not understand is refused; a parameter that it does not know is left out, and the page says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict

from accounts.models import AwsAccount, Person
from coverage_site.filters import LONGEST_TEXT, ChoiceListField, Option, Picker, Token
from coverage_site.links import changed, known, unknown
from coverage_site.paging import PER_PAGE_DEFAULT
from scanning.choices import Group, Kind, Platform
from scanning.models import CoveredResourceQuerySet
from scanning.statuses import statuses_of_tab, statuses_with
from scanning.tabs import ALL, CoverageTab

MOST_ACCOUNTS_OFFERED = 200
LONGEST_TAG = 400
NEVER_SCANNED = "never"
SCANNED = re.compile(r"never|[1-9][0-9]{0,3}", re.ASCII)
SCANNED_OFFERED = (NEVER_SCANNED, "1", "7", "30", "90")
PLATFORMS = {
    Platform.LINUX.value: [Platform.LINUX.value],
    Platform.WINDOWS.value: [Platform.WINDOWS.value],
    Platform.MACOS.value: [Platform.MACOS.value, Platform.MAC.value],
    Platform.UNKNOWN.value: [Platform.UNKNOWN.value, ""],
}
"""What is asked for → what AWS writes. It has used two words for macOS, and none where it knows nothing."""


class AccountChoices:
    """The accounts that a person may name, with names for as many as a page offers."""

    def __init__(self, person: Person) -> None:
        self.visible = AwsAccount.objects.visible_to(person)
        self._asked: dict[str, str] = {}

    @cached_property
    def offered(self) -> dict[str, str]:
        """Account id → name, by name; as many as a list of choices can hold."""
        rows = self.visible.order_by("name", "account_id").values_list("account_id", "name")
        return dict(rows[: MOST_ACCOUNTS_OFFERED + 1])

    @property
    def are_all_offered(self) -> bool:
        return len(self.offered) <= MOST_ACCOUNTS_OFFERED

    def named(self, account_ids: Iterable[str]) -> dict[str, str]:
        """Names of these accounts, for those that this person may see."""
        if self.are_all_offered:
            return self.offered
        if new := set(account_ids).difference(self._asked):
            self._asked |= self.visible.filter(account_id__in=new).named()
        return self._asked


class AccountField(forms.Field):
    """Accounts by their id. One that may not be seen is refused like one that does not exist."""

    def __init__(self, accounts: AccountChoices) -> None:
        super().__init__(required=False, widget=forms.SelectMultiple)
        self.accounts = accounts

    def clean(self, value: Any) -> list[str]:
        values = list(dict.fromkeys(text for text in value or [] if text))
        if not values:
            return []
        if len(values) > MOST_ACCOUNTS_OFFERED:
            raise forms.ValidationError(f"At most {MOST_ACCOUNTS_OFFERED} accounts can be named at once.")
        wrong = next((text for text in values if not re.fullmatch(r"[0-9]{12}", text, re.ASCII)), None)
        if wrong is not None:
            raise forms.ValidationError(f"“{wrong[:60]}” is not an AWS account id: it has 12 digits.")
        names = self.accounts.named(values)
        unknown = next((text for text in values if text not in names), None)
        if unknown is not None:
            raise forms.ValidationError(f"{unknown} is not an account that you can see.")
        return values


class CoverageFilters(forms.Form):
    """The filters of one tab. Its fields' names are the parameters of the address."""

    tab: CoverageTab
    accounts: AccountChoices

    def __init__(
        self,
        query: QueryDict,
        tab: CoverageTab,
        accounts: AccountChoices,
        regions: Sequence[str],
        status_keys: Iterable[str],
    ) -> None:
        names = [name for name in PARAMETERS if name != "platform" or tab.has_platforms]
        data = known(query, names)
        if data.get("per") == str(PER_PAGE_DEFAULT):
            del data["per"]
        super().__init__(data, label_suffix="")
        self.left_out = unknown(query, names)
        self.tab = tab
        self.accounts = accounts
        self.regions = regions
        keys = {status.key for status in statuses_of_tab(tab.status_tab)} | set(status_keys)
        groups = {ALL: ALL, **{group.value: group.value for group in tab.groups}}
        self.fields["group"] = ChoiceListField(groups, f"a group of this tab, which has {', '.join(groups)}")
        self.fields["account"] = AccountField(accounts)
        self.fields["region"] = ChoiceListField(regions, "a Region that is read here")
        self.fields["status"] = ChoiceListField(keys, "a status of this tab")
        self.fields["kind"] = ChoiceListField(Kind.values, f"a kind of status: {', '.join(Kind.values)}")
        if tab.has_platforms:
            self.fields["platform"] = ChoiceListField(PLATFORMS, f"an operating system: {', '.join(PLATFORMS)}")
        self.fields["tag"] = forms.CharField(required=False, max_length=LONGEST_TAG)
        self.fields["q"] = forms.CharField(required=False, max_length=LONGEST_TEXT)
        self.fields["scanned"] = forms.CharField(required=False, validators=[_known_age])
        self.fields["missing"] = ChoiceListField(["1"], "1")
        self.fields["about"] = ChoiceListField(keys, "a status of this tab")

    def require(self) -> None:
        """Refuse a query that is not understood, naming the parameter."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            raise BadRequest(f"{name}: {errors[0]}")

    @property
    def chosen_group(self) -> str:
        chosen: list[str] = self.cleaned_data["group"]
        return chosen[-1] if chosen else ALL

    @property
    def query(self) -> QueryDict:
        """The address' parameters that this page knows."""
        data = self.data
        assert isinstance(data, QueryDict)
        return data

    @property
    def counters_suffice(self) -> bool:
        """Whether the counters know all that is filtered by; if not, rows must be counted."""
        chosen = self.cleaned_data
        return not any(chosen.get(name) for name in ("platform", "tag", "q", "scanned", "missing"))

    def narrow(self, rows: CoveredResourceQuerySet, now: datetime) -> CoveredResourceQuerySet:
        """The rows that the filters let through, in every group."""
        chosen = self.cleaned_data
        if chosen["account"]:
            rows = rows.of_accounts(chosen["account"])
        if chosen["region"]:
            rows = rows.in_regions(chosen["region"])
        if chosen["status"]:
            rows = rows.with_status(chosen["status"])
        if chosen["kind"]:
            rows = rows.of_kind(chosen["kind"])
        if chosen.get("platform"):
            rows = rows.on_platforms([word for platform in chosen["platform"] for word in PLATFORMS[platform]])
        if chosen["tag"]:
            rows = rows.tagged(chosen["tag"])
        if chosen["q"]:
            rows = rows.mentioning(chosen["q"])
        if chosen["missing"]:
            rows = rows.missing()
        if chosen["scanned"] == NEVER_SCANNED:
            return rows.never_scanned()
        return rows.last_scanned_before(now - timedelta(days=int(chosen["scanned"]))) if chosen["scanned"] else rows

    @property
    def are_in_force(self) -> bool:
        return any(self.cleaned_data.get(name) for name in FILTERS)

    def tokens(self) -> list[Token]:
        """The filters in force, each with the address that it leaves."""
        return [
            Token(
                IN_WORDS[name](self, value),
                changed(self.query, {name: self._others(name, value), **FROM_THE_FIRST_PAGE}),
            )
            for name in FILTERS
            for value in self._chosen(name)
        ]

    @property
    def cleared(self) -> str:
        return changed(self.query, {**dict.fromkeys(FILTERS), **FROM_THE_FIRST_PAGE})

    def _chosen(self, name: str) -> list[str]:
        value = self.cleaned_data.get(name) or []
        return [value] if isinstance(value, str) else value

    def _others(self, name: str, value: str) -> list[str]:
        return [other for other in self._chosen(name) if other != value]

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What the form sends along unchanged."""
        names = ("group", "sort", "code-sort")
        return [(name, value) for name in names if (value := self.query.get(name, ""))]

    @property
    def scope_pickers(self) -> list[Picker]:
        """The two filters that go along from tab to tab."""
        accounts, chosen = self.accounts, self._chosen("account")
        names = accounts.offered if accounts.are_all_offered else accounts.named(chosen)
        shown = names if accounts.are_all_offered else chosen
        offered = [(account_id, names.get(account_id) or account_id) for account_id in shown]
        return [
            Picker("region", "Region", self._options("region", [(region, region) for region in self.regions])),
            Picker("account", "Account", self._options("account", offered), takes_text=not accounts.are_all_offered),
        ]

    def pickers(self, counted: Mapping[str, int]) -> list[Picker]:
        """The tab's own: statuses that occur, with how often, kinds of status, and operating systems if any."""
        keys = dict.fromkeys([*counted, *self._chosen("status")])
        statuses = sorted(((key, status_label(self.tab, key)) for key in keys), key=lambda pair: pair[1])
        kinds = [(kind.value, str(kind.label)) for kind in Kind]
        platforms = [(value, str(Platform(value).label)) for value in PLATFORMS]
        found = [
            Picker("status", reason_or_status(self.chosen_group), self._options("status", statuses, counted)),
            Picker("kind", "Kind", self._options("kind", kinds)),
        ]
        has_platforms = self.tab.has_platforms
        return (
            [*found, Picker("platform", "Operating system", self._options("platform", platforms))]
            if has_platforms
            else found
        )

    @property
    def scanned_options(self) -> list[Option]:
        given = [value for value in self._chosen("scanned") if value not in SCANNED_OFFERED]
        return self._options("scanned", [(value, scanned_label(value)) for value in (*SCANNED_OFFERED, *given)])

    def _options(
        self, name: str, labels: Iterable[tuple[str, str]], counted: Mapping[str, int] | None = None
    ) -> list[Option]:
        chosen = self._chosen(name)
        return [
            Option(value, label, value in chosen, None if counted is None else counted.get(value, 0))
            for value, label in labels
        ]


IN_WORDS: dict[str, Callable[[CoverageFilters, str], str]] = {
    "account": lambda filters, value: filters.accounts.named([value]).get(value) or value,
    "region": lambda filters, value: value,
    "status": lambda filters, value: status_label(filters.tab, value),
    "kind": lambda filters, value: str(Kind(value).label),
    "platform": lambda filters, value: str(Platform(value).label),
    "tag": lambda filters, value: f"tag {value}",
    "q": lambda filters, value: value,
    "scanned": lambda filters, value: scanned_label(value),
    "missing": lambda filters, value: "Missing from the last read",
}
"""How a filter in force reads as a token."""
FILTERS = tuple(IN_WORDS)
ORDERING = ("sort", "after", "before", "code-sort", "code-after", "code-before")
PARAMETERS = ("group", *FILTERS, *ORDERING, "per", "about")
FROM_THE_FIRST_PAGE = dict.fromkeys(("after", "before", "code-after", "code-before"))


def _known_age(text: str) -> None:
    if not SCANNED.fullmatch(text):
        raise forms.ValidationError(f"“{text[:60]}” is neither “never” nor a number of days from 1 to 9999.")


def scanned_label(value: str) -> str:
    if value == NEVER_SCANNED:
        return "Never scanned"
    return "Last scanned over a day ago" if value == "1" else f"Last scanned over {value} days ago"


def status_label(tab: CoverageTab, key: str) -> str:
    """The label behind a status key. A key outside the map was made from AWS' own words: it is turned back."""
    found = statuses_with(tab.status_tab, key)
    return found[0].label if found else key.replace("-", " ").capitalize()


def reason_or_status(group: str) -> str:
    """The heading of the status column: on the list of what is not covered it answers why."""
    return "Reason" if group in {Group.NOT_SCANNING, Group.NOT_ACTIVATED} else "Status"
