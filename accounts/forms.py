"""The query string of the Accounts page as a form, and the form as conditions on accounts. A wrong value is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from django import forms
from django.core.exceptions import BadRequest
from django.db.models import Exists, Q
from django.http import QueryDict

from accounts.choices import AccountState, RelationshipStatus, ResourceScanType, Status
from accounts.conditions import (
    ADMINISTRATOR,
    ALL,
    FIXABLE,
    GROUPS,
    NO_MEMBER,
    NOTHING_FIXABLE,
    STANDALONE,
    TOLD_SEVERITIES,
    any_of,
    in_regions,
    is_locked,
    related,
    told_types,
    with_findings,
    with_gaps,
)
from accounts.models import AwsAccount, AwsAccountQuerySet, Person
from aws.decoding import is_account_id
from coverage_site.filters import LONGEST_TEXT, ChoiceListField, Option, Picker, Token
from coverage_site.links import changed, known, unknown
from coverage_site.paging import PER_PAGE_DEFAULT

UNKNOWN = "UNKNOWN"
LOCKED = "LOCKED"
STATUSES = {
    **{status.value: str(status.label) for status in Status},
    LOCKED: "Locked by an organization policy",
    UNKNOWN: "Unknown",
}
STATES = {state.value: str(state.label) for state in AccountState}
RELATIONSHIPS = {
    ADMINISTRATOR: "Delegated administrator",
    **{status.value: str(status.label) for status in RelationshipStatus},
    STANDALONE: "Standalone account",
    NO_MEMBER: "Not a member",
}
GAPS = {FIXABLE: "Something fixable", NOTHING_FIXABLE: "Nothing fixable"}
SEVERITIES = {severity.value: str(severity.label) for severity in TOLD_SEVERITIES}
MOST_ACCOUNTS_NAMED = 200


class AccountField(forms.Field):
    """Accounts by their id. One that may not be seen is refused like one that does not exist."""

    def __init__(self, person: Person, most: int = MOST_ACCOUNTS_NAMED) -> None:
        super().__init__(required=False, widget=forms.SelectMultiple)
        self.person = person
        self.most = most

    def clean(self, value: Sequence[str] | None) -> list[str]:
        values = list(dict.fromkeys(text for text in value or [] if text))
        if len(values) > self.most:
            raise forms.ValidationError(f"At most {self.most} accounts can be named at once.")
        for text in values:
            if not is_account_id(text):
                raise forms.ValidationError(f"“{text[:60]}” is not an AWS account id: it has 12 digits.")
        visible = AwsAccount.objects.visible_to(self.person).filter(account_id__in=values).named() if values else {}
        for text in values:
            if text not in visible:
                raise forms.ValidationError(f"{text} is not an account that you can see.")
        return values


class AccountFilters(forms.Form):
    """The filters of the Accounts page. Its fields' names are the parameters of the address."""

    def __init__(self, query: QueryDict, person: Person, regions: Sequence[str], scan_types: Iterable[str]) -> None:
        data = known(query, PARAMETERS)
        if data.get("per") == str(PER_PAGE_DEFAULT):
            del data["per"]
        super().__init__(data, label_suffix="")
        self.left_out = unknown(query, PARAMETERS)
        self.query = data
        self.all_regions = regions
        self.scan_types = list(scan_types)
        self.fields["group"] = ChoiceListField(GROUPS, f"a group of this page, which has {', '.join(GROUPS)}")
        self.fields["account"] = AccountField(person)
        self.fields["region"] = ChoiceListField(regions, "a Region that is read here")
        self.fields["scan_type"] = ChoiceListField(self.scan_types, f"a scan type: {', '.join(self.scan_types)}")
        self.fields["status"] = ChoiceListField(STATUSES, f"a status of a scan type: {', '.join(STATUSES)}")
        self.fields["state"] = ChoiceListField(STATES, f"a state in AWS Organizations: {', '.join(STATES)}")
        self.fields["relationship"] = ChoiceListField(RELATIONSHIPS, f"a relationship: {', '.join(RELATIONSHIPS)}")
        self.fields["gaps"] = ChoiceListField(GAPS, f"a word for gaps: {', '.join(GAPS)}")
        self.fields["severity"] = ChoiceListField(SEVERITIES, f"a severity: {', '.join(SEVERITIES)}")
        self.fields["q"] = forms.CharField(required=False, max_length=LONGEST_TEXT)

    def require(self) -> None:
        """Refuse a query that is not understood, naming the parameter."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            raise BadRequest(f"{name}: {errors[0]}")

    @property
    def chosen_group(self) -> str:
        return (self.chosen("group") or [ALL])[-1]

    @property
    def regions(self) -> list[str]:
        """The Regions that the page speaks of: the chosen ones, or all that are read."""
        return self.chosen("region") or list(self.all_regions)

    def chosen(self, name: str) -> list[str]:
        value = self.cleaned_data.get(name) or []
        return [value] if isinstance(value, str) else list(value)

    def narrow(self, accounts: AwsAccountQuerySet) -> AwsAccountQuerySet:
        """The accounts that the filters let through, in every group."""
        if named := self.chosen("account"):
            accounts = accounts.filter(account_id__in=named)
        if states := self.chosen("state"):
            accounts = accounts.filter(state__in=states)
        if text := self.cleaned_data["q"]:
            accounts = accounts.filter(Q(name__icontains=text) | Q(account_id__contains=text))
        for name, condition in CONDITIONS.items():
            if chosen := self.chosen(name):
                accounts = accounts.filter(any_of(condition(value, self.regions) for value in chosen))
        scan_types, statuses = self.chosen("scan_type"), self.chosen("status")
        if scan_types or statuses:
            accounts = accounts.filter(self._in_status(scan_types, statuses))
        return accounts

    def _in_status(self, scan_types: Sequence[str], statuses: Sequence[str]) -> Q:
        """Accounts with one of these scan types in one of these statuses, in one of the Regions."""
        types = told_types(self.regions)
        if scan_types:
            types = types.filter(scan_type__in=scan_types)
        if not statuses:
            return Q(Exists(types))
        found = Q(Exists(types.filter(status__in=statuses)))
        if UNKNOWN in statuses:
            found |= Q(Exists(in_regions(self.regions).exclude(unknown_since=None)))
        return found | is_locked(self.regions, scan_types) if LOCKED in statuses else found

    # --- As the page shows them

    @property
    def are_in_force(self) -> bool:
        return any(self.chosen(name) for name in FILTERS)

    def tokens(self) -> list[Token]:
        """The filters in force, each with the address that it leaves."""
        return [
            Token(in_words(value), changed(self.query, {name: self._others(name, value), **FROM_THE_FIRST_PAGE}))
            for name, in_words in FILTERS.items()
            for value in self.chosen(name)
        ]

    def _others(self, name: str, value: str) -> list[str]:
        return [other for other in self.chosen(name) if other != value]

    @property
    def cleared(self) -> str:
        return changed(self.query, {**dict.fromkeys(FILTERS), **FROM_THE_FIRST_PAGE})

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What the form sends along unchanged."""
        return [(name, value) for name in ("group", "sort", "account") for value in self.query.getlist(name)]

    @property
    def region_picker(self) -> Picker:
        return self._picker("region", "Region", dict.fromkeys(self.all_regions, ""))

    @property
    def pickers(self) -> list[Picker]:
        return [
            self._picker("scan_type", "Scan type", {name: scan_type_label(name) for name in self.scan_types}),
            self._picker("status", "Status", STATUSES),
            self._picker("relationship", "Relationship", RELATIONSHIPS),
            self._picker("state", "State in Organizations", STATES),
            self._picker("gaps", "Gaps", GAPS),
            self._picker("severity", "Findings", SEVERITIES),
        ]

    def _picker(self, name: str, label: str, labels: dict[str, str]) -> Picker:
        chosen = self.chosen(name)
        return Picker(name, label, [Option(value, text or value, value in chosen) for value, text in labels.items()])


def scan_type_label(scan_type: str) -> str:
    return str(ResourceScanType(scan_type).label) if scan_type in ResourceScanType else scan_type


FILTERS: dict[str, Callable[[str], str]] = {
    "account": lambda value: value,
    "region": lambda value: value,
    "scan_type": scan_type_label,
    "status": lambda value: STATUSES[value],
    "state": lambda value: STATES[value],
    "relationship": lambda value: RELATIONSHIPS[value],
    "gaps": lambda value: GAPS[value],
    "severity": lambda value: f"{SEVERITIES[value]} findings",
    "q": lambda value: value,
}
"""How a filter in force reads as a token."""
CONDITIONS: dict[str, Callable[[str, Sequence[str]], Q]] = {
    "relationship": related,
    "gaps": with_gaps,
    "severity": with_findings,
}
"""What a filter's value asks of an account in these Regions."""
PARAMETERS = ("group", *FILTERS, "sort", "after", "before", "per")
FROM_THE_FIRST_PAGE = dict.fromkeys(("after", "before"))
