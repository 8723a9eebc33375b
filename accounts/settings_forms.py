"""What a person fills in to change a setting: which one, where, and what it shall be; then the confirmation."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, QueryDict

from accounts.choices import Setting
from accounts.configuration.kinds import FIXED, INHERIT, OF_ONE_ACCOUNT, Value, kind_of
from accounts.configuration.requests import Change, change_of
from accounts.models import AwsAccount, Person

TYPED = {Setting.DISASSOCIATE.value: "disassociate", Setting.DEEP_INSPECTION.value: "deactivate"}
"""What has to be typed before a click counts that takes coverage away."""
LONGEST_REASON = 2000


class SettingForm(forms.Form):
    """One setting in one Region, of the organization or of one account; and what it shall be, if that was chosen."""

    setting = forms.ChoiceField(choices=Setting.choices)
    region = forms.CharField(max_length=32)
    account = forms.CharField(max_length=12, required=False)
    chosen = forms.BooleanField(required=False)

    def __init__(self, data: QueryDict, person: Person) -> None:
        super().__init__(data)
        self.query, self.person = data, person

    def clean_region(self) -> str:
        region = str(self.cleaned_data["region"])
        if region not in settings.COVERAGE_REGIONS:
            raise forms.ValidationError("Choose a Region that is read here.")
        return region

    def require(self) -> None:
        """Refuse what is not understood, naming the field. An account that may not be seen is as if it were not."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            raise BadRequest(f"{name}: {errors[0]}")
        if self.account_id and not AwsAccount.objects.visible_to(self.person).filter(account_id=self.account_id):
            raise Http404
        if self.setting_asked in OF_ONE_ACCOUNT and not self.account_id:
            raise BadRequest("account: Name the account.")
        if self.setting_asked == Setting.AUTOMATIC_ACTIVATION and self.account_id:
            raise BadRequest("account: Automatic activation is set for the organization.")

    @property
    def setting_asked(self) -> Setting:
        return Setting(self.cleaned_data["setting"])

    @property
    def region_asked(self) -> str:
        return str(self.cleaned_data["region"])

    @property
    def account_id(self) -> str:
        return str(self.cleaned_data["account"])

    @property
    def is_chosen(self) -> bool:
        """Whether the page may tell what would change, or has to ask first what it shall be."""
        return self.setting_asked in FIXED or bool(self.cleaned_data["chosen"])

    @property
    def now(self) -> Change:
        """The setting as it is known, with nothing wanted of it."""
        return change_of(self.setting_asked, self.region_asked, self.account_id, {})

    @property
    def change(self) -> Change:
        now = self.now
        return Change(now.setting, now.region, now.account_id, now.before, self._wanted(now.before or {}))

    def _wanted(self, before: Value) -> dict[str, object]:
        if fixed := FIXED.get(self.setting_asked):
            return dict(fixed)
        choices = kind_of(self.setting_asked).choices(self.account_id)
        if self.setting_asked == Setting.AUTOMATIC_ACTIVATION:
            return self._automatic(before, choices)
        wanted: dict[str, object] = {}
        for name, labels in choices.items():
            text = self.query.get(name, "")
            if not text and not before.get(name):
                continue
            if text not in labels:
                raise BadRequest(f"{name}: Choose one of {', '.join(labels)}.")
            wanted[name] = text
        return {name: INHERIT for name in wanted if wanted[name] == INHERIT} or wanted

    def _automatic(self, before: Value, choices: Mapping[str, object]) -> dict[str, object]:
        on = set(self.query.getlist("on"))
        if unknown := sorted(on.difference(choices)):
            raise BadRequest(f"on: “{unknown[0][:40]}” is no scan type that can be activated.")
        if "lambdaCode" in on and "lambda" not in on:
            raise BadRequest("Lambda code scanning needs Lambda standard scanning: choose both or neither.")
        # What AWS did not report is asked for only where somebody wants it.
        return {name: name in on for name in choices if name in before or name in on}

    def hidden(self) -> list[tuple[str, str]]:
        """The choice as hidden fields, so that the click says again what the page showed."""
        names = ("setting", "region", "account", "chosen", "on", *kind_of(self.setting_asked).choices(self.account_id))
        return [(name, value) for name in dict.fromkeys(names) for value in self.query.getlist(name) if value]


class SettingConfirmationForm(forms.Form):
    token = forms.UUIDField()
    digest = forms.CharField(max_length=64)
    reason = forms.CharField(required=False, max_length=LONGEST_REASON)
    typed = forms.CharField(required=False, max_length=40)

    def require(self, change: Change) -> None:
        """Refuse a confirmation that is none, whatever the browser let through."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            raise BadRequest(f"{name}: {errors[0]}")
        typed = typed_for(change)
        if typed and self.cleaned_data["typed"].strip().lower() != typed:
            raise BadRequest(f"Type the word “{typed}” to confirm. Nothing was changed.")


def typed_for(change: Change) -> str:
    return TYPED.get(change.setting, "") if change.kind.is_destructive(change.wanted) else ""
