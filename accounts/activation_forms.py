"""What a person fills in to activate or deactivate: accounts, scan types, Regions; then the confirmation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict

from accounts.activation.preview import SWITCHABLE, Wish
from accounts.choices import Action
from accounts.conditions import group_condition
from accounts.forms import AccountField, AccountFilters, scan_type_label
from accounts.lists import Scopes, scan_types_shown
from accounts.models import AwsAccount, Person
from coverage_site.filters import ChoiceListField

TYPED = {Action.ACTIVATE: "", Action.DEACTIVATE: "deactivate"}
"""What has to be typed before the click counts."""
LONGEST_REASON = 2000


class WishForm(forms.Form):
    """Accounts (named, or all that a filter of the Accounts page shows) × scan types × Regions."""

    def __init__(self, data: QueryDict, person: Person, scopes: Scopes, most_accounts: int) -> None:
        if cell := data.get("cell", ""):
            # One button can say one thing alone: which action, which scan type, and perhaps which Region.
            data = data.copy()
            for name, value in zip(("action", "scan_type", "region"), cell.split(" "), strict=False):
                data[name] = value
        joined = [one for text in data.getlist("accounts") for one in text.split(",") if one]
        if joined:
            # One field however many accounts: a form may have so many fields and no more.
            data = data.copy()
            data.setlist("account", [*data.getlist("account"), *joined])
        super().__init__(data, label_suffix="")
        self.person, self.scopes = person, scopes
        self.fields["action"] = forms.ChoiceField(choices=Action.choices)
        self.fields["account"] = AccountField(person, most=most_accounts)
        self.fields["all"] = forms.BooleanField(required=False)
        self.fields["filter"] = forms.CharField(required=False, max_length=4000)
        self.fields["scan_type"] = ChoiceListField(SWITCHABLE, f"a scan type: {', '.join(SWITCHABLE)}")
        self.fields["region"] = ChoiceListField(scopes.regions, "a Region that is read here")

    def require(self) -> None:
        """Refuse what is not understood, naming the field."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            raise BadRequest(f"{name}: {errors[0]}")
        if not self.account_ids:
            raise BadRequest("No account is chosen: choose at least one on the Accounts page.")

    @property
    def action(self) -> Action:
        return Action(self.cleaned_data["action"])

    @property
    def account_ids(self) -> list[str]:
        if not self.cleaned_data["all"]:
            return list(self.cleaned_data["account"])
        query = QueryDict(self.cleaned_data["filter"].removeprefix("?"))
        filters = AccountFilters(query, self.person, self.scopes.freshness.regions, scan_types_shown(self.person))
        filters.require()
        shown = filters.narrow(AwsAccount.objects.visible_to(self.person))
        group = group_condition(filters.chosen_group, filters.regions, self.scopes.read_regions)
        return sorted(shown.filter(group).values_list("account_id", flat=True))

    @property
    def scan_types(self) -> list[str]:
        return list(self.cleaned_data["scan_type"])

    @property
    def regions(self) -> list[str]:
        """The chosen Regions; none chosen: all."""
        return list(self.cleaned_data["region"]) or list(self.scopes.regions)

    @property
    def wish(self) -> Wish:
        return Wish(self.action, tuple(self.account_ids), tuple(self.regions), tuple(self.scan_types))

    def choices(self) -> dict[str, Sequence[dict[str, object]]]:
        """What can be chosen, as the page draws it."""
        return {
            "scan_types": [
                {"value": name, "label": scan_type_label(name), "is_chosen": name in self.scan_types}
                for name in SWITCHABLE
            ],
            "regions": [
                {"value": region, "label": region, "is_chosen": region in self.regions}
                for region in self.scopes.regions
            ],
        }


class ConfirmationForm(forms.Form):
    token = forms.UUIDField()
    digest = forms.CharField(max_length=64)
    reason = forms.CharField(required=False, max_length=LONGEST_REASON)
    typed = forms.CharField(required=False, max_length=40)
    in_waves = forms.BooleanField(required=False)

    def require(self, action: Action) -> None:
        """Refuse a confirmation that is none, whatever the browser let through."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            raise BadRequest(f"{name}: {errors[0]}")
        if self.cleaned_data["typed"].strip().lower() != TYPED[action]:
            raise BadRequest(f"Type the word “{TYPED[action]}” to confirm. Nothing was changed.")


def new_token() -> str:
    return str(uuid.uuid4())
