"""What a site admin fills in to give roles, grants, groups and rules."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import BadRequest
from django.http import QueryDict

from accounts.choices import Role
from accounts.models import ClaimRule
from accounts.people import Rights
from coverage_site.filters import LONGEST_TEXT, ChoiceListField, Token
from coverage_site.links import changed, known

NO_ROLE = "none"
LONGEST_GROUP_NAME = 150


class StrictForm(forms.Form):
    def require(self) -> None:
        """Refuse what is not understood, naming the field."""
        if not self.is_valid():
            name, errors = next(iter(self.errors.items()))
            raise BadRequest(str(errors[0]) if name == "__all__" else f"{name}: {errors[0]}")


class RightsForm(StrictForm):
    role = forms.ChoiceField(choices=[("", "No role"), *Role.choices], required=False)
    all_accounts = forms.BooleanField(required=False)
    is_active = forms.BooleanField(required=False)
    groups = forms.ModelMultipleChoiceField(Group.objects.all(), required=False)

    @property
    def rights(self) -> Rights:
        said = self.cleaned_data
        groups = frozenset(group.pk for group in said["groups"])
        is_for_all = said["all_accounts"] and said["role"] == Role.DELEGATED_ADMIN
        return Rights(said["role"], is_for_all, said["is_active"], groups)


class GrantForm(StrictForm):
    """An account or an organizational unit, not both."""

    account_id = forms.CharField(required=False, max_length=12)
    organizational_unit = forms.RegexField(
        r"\A[a-z0-9-]+(/[a-z0-9-]+)*/?\Z",
        required=False,
        max_length=512,
        error_messages={"invalid": "A path in AWS Organizations looks like o-…/r-…/ou-…"},
    )

    def clean(self) -> dict[str, str]:
        said = self.cleaned_data
        if not self.errors and bool(said.get("account_id")) == bool(said.get("organizational_unit")):
            raise forms.ValidationError("Name an account or an organizational unit.")
        said["organizational_unit"] = said.get("organizational_unit", "").rstrip("/")
        return said


class GroupForm(StrictForm):
    name = forms.CharField(max_length=LONGEST_GROUP_NAME)


class RuleForm(StrictForm):
    claim = forms.CharField(max_length=100)
    value = forms.CharField(max_length=255)
    role = forms.ChoiceField(choices=[("", "No role"), *Role.choices], required=False)
    all_accounts = forms.BooleanField(required=False)
    group = forms.ModelChoiceField(Group.objects.all(), required=False)

    def fill(self, rule: ClaimRule) -> ClaimRule:
        for name in ("claim", "value", "role", "all_accounts", "group"):
            setattr(rule, name, self.cleaned_data[name])
        return rule


class PeopleFilters(StrictForm):
    """The filters of the list of people."""

    q = forms.CharField(required=False, max_length=LONGEST_TEXT)

    def __init__(self, query: QueryDict) -> None:
        self.query = known(query, ("q", "role", "after", "before"))
        super().__init__(self.query, label_suffix="")
        self.fields["role"] = ChoiceListField([*Role.values, NO_ROLE], f"a role: {', '.join(Role.values)}, {NO_ROLE}")

    @property
    def roles(self) -> list[str]:
        return ["" if role == NO_ROLE else role for role in self.cleaned_data["role"]]

    def tokens(self) -> list[Token]:
        text, roles = self.cleaned_data["q"], self.cleaned_data["role"]
        first = {"after": None, "before": None}
        tokens = [Token(text, changed(self.query, {"q": None, **first}))] if text else []
        for role in roles:
            label = "No role" if role == NO_ROLE else str(Role(role).label)
            others = [other for other in roles if other != role]
            tokens.append(Token(label, changed(self.query, {"role": others, **first})))
        return tokens
