"""The filters of the audit, as a form and as conditions."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict

from accounts.choices import Event
from accounts.forms import AccountField
from accounts.models import AuditEventQuerySet, Person
from coverage_site.filters import ChoiceListField, Option, Picker, Token
from coverage_site.links import changed, known

PARAMETERS = ("event", "actor", "account", "region", "from", "to", "after", "before")
FROM_THE_FIRST_PAGE = dict.fromkeys(("after", "before"))
LABELS = {event.value: str(event.label) for event in Event}


class AuditFilters(forms.Form):
    """Its fields' names are the parameters of the address. Days are those of UTC, both included."""

    def __init__(self, query: QueryDict, person: Person, regions: list[str]) -> None:
        self.query = known(query, PARAMETERS)
        super().__init__(self.query, label_suffix="")
        self.regions = regions
        self.fields["event"] = ChoiceListField(LABELS, f"an event: {', '.join(LABELS)}")
        self.fields["actor"] = forms.CharField(required=False, max_length=150)
        self.fields["account"] = AccountField(person)
        self.fields["region"] = ChoiceListField(regions, "a Region that is read here")
        self.fields["from"] = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
        self.fields["to"] = forms.DateField(required=False, input_formats=["%Y-%m-%d"])

    def require(self) -> None:
        """Refuse a query that is not understood, naming the parameter."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            raise BadRequest(f"{name}: {errors[0]}")

    def narrow(self, events: AuditEventQuerySet) -> AuditEventQuerySet:
        said = self.cleaned_data
        conditions: dict[str, Any] = {}
        if said["event"]:
            conditions["event__in"] = said["event"]
        if said["actor"]:
            conditions["actor__icontains"] = said["actor"]
        if said["account"]:
            conditions["account_id__in"] = said["account"]
        if said["region"]:
            conditions["region__in"] = said["region"]
        if said["from"]:
            conditions["at__gte"] = datetime.combine(said["from"], time.min, UTC)
        if said["to"]:
            conditions["at__lt"] = _end_of(said["to"])
        return events.filter(**conditions)

    # --- As the page shows them

    def tokens(self) -> list[Token]:
        """The filters in force, each with the address that it leaves."""
        tokens = []
        for name in PARAMETERS[:6]:
            values = self.query.getlist(name)
            for value in values:
                others = [other for other in values if other != value]
                address = changed(self.query, {name: others, **FROM_THE_FIRST_PAGE})
                tokens.append(Token(f"{name} {value}" if name in {"from", "to"} else LABELS.get(value, value), address))
        return tokens

    @property
    def pickers(self) -> list[Picker]:
        events, regions = self.query.getlist("event"), self.query.getlist("region")
        return [
            Picker("event", "Event", [Option(value, label, value in events) for value, label in LABELS.items()]),
            Picker("region", "Region", [Option(name, name, name in regions) for name in self.regions]),
        ]

    @property
    def first_day(self) -> str:
        return self.query.get("from", "")

    @property
    def last_day(self) -> str:
        return self.query.get("to", "")

    @property
    def export_query(self) -> str:
        return changed(self.query, FROM_THE_FIRST_PAGE)


def _end_of(day: Any) -> datetime:
    """The beginning of the next day; the last day that there is has none."""
    try:
        return datetime.combine(day + timedelta(days=1), time.min, UTC)
    except OverflowError:
        return datetime.combine(day, time.max, UTC)
