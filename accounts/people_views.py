"""The pages where site admins give roles, grants, groups and rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import Group
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Count, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import people
from accounts.choices import Role
from accounts.models import AccountGrant, AwsAccount, ClaimRule, Person
from accounts.people import Actor, Refused
from accounts.people_forms import NO_ROLE, GrantForm, GroupForm, PeopleFilters, RightsForm, RuleForm
from accounts.rights import ROLES_IN_WORDS, abilities_of, sight_of
from coverage_site.drawing import draw_full_time, draw_time, noun_for
from coverage_site.filters import Option, Picker
from coverage_site.links import changed
from coverage_site.paging import PER_PAGE_DEFAULT, Sort, page_of, read_cursor, read_order
from coverage_site.requests import address_of, person_of
from scanning.freshness import Freshness

View = Callable[..., HttpResponse]
BY_NAME = {"name": Sort("name", "name", "username")}
UNITS_OFFERED = 500

page_with_form = require_http_methods(["GET", "HEAD", "POST"])


def site_admins_only(view: View) -> View:
    @wraps(view)
    def respond(request: HttpRequest, **parts: Any) -> HttpResponse:
        if not person_of(request).is_site_admin:
            raise PermissionDenied
        return view(request, **parts)

    return respond


def _actor(request: HttpRequest) -> Actor:
    person = person_of(request)
    return Actor(person.get_username(), address_of(request), person)


def _done(request: HttpRequest, act: Callable[[], object], words: str) -> None:
    """Do it and say so. What is refused is answered in words, and nothing is changed."""
    try:
        act()
    except Refused as refused:
        raise BadRequest(str(refused)) from None
    messages.success(request, words)


# --- People


@require_safe
@site_admins_only
def all_people(request: HttpRequest) -> HttpResponse:
    """Everybody, with role, groups, what is granted, and the last login."""
    filters = PeopleFilters(request.GET)
    filters.require()
    order = read_order("", BY_NAME, default="name")
    cursor = read_cursor(filters.query.get("after", ""), filters.query.get("before", ""), order)
    rows = Person.objects.all()
    if text := filters.cleaned_data["q"]:
        rows = rows.filter(Q(username__icontains=text) | Q(email__icontains=text))
    if filters.roles:
        rows = rows.filter(role__in=filters.roles)
    groups = Prefetch("groups", Group.objects.order_by("name").prefetch_related("grants"))
    page = page_of(rows.prefetch_related("grants", groups), order, cursor, PER_PAGE_DEFAULT)
    now = Freshness.read().now
    context = {
        "filters": filters,
        "picker": _role_picker(filters),
        "rows": [_line(person, now) for person in page.rows],
        "shown": len(page.rows),
        "total": rows.count(),
        "previous": changed(filters.query, {"before": page.previous, "after": None}) if page.previous else "",
        "next": changed(filters.query, {"after": page.next, "before": None}) if page.next else "",
    }
    return _render(request, "people", context)


def _role_picker(filters: PeopleFilters) -> Picker:
    labels = {**{role.value: str(role.label) for role in Role}, NO_ROLE: "No role"}
    chosen = filters.cleaned_data["role"]
    return Picker("role", "Role", [Option(value, label, value in chosen) for value, label in labels.items()])


def _line(person: Person, now: Any) -> dict[str, Any]:
    grants = {(grant.account_id, grant.organizational_unit) for grant in _grants_of(person)}
    return {
        "person": person,
        "role": people.role_in_words(person.role, all_accounts=person.all_accounts),
        "sees": _sees(person, grants),
        "last_login": draw_time(person.last_login, now),
    }


def _grants_of(person: Person) -> list[AccountGrant]:
    """Their own and those of their groups, as prefetched: the same as AccountGrant.objects.of()."""
    of_groups = [grant for group in person.groups.all() for grant in group.grants.all()]
    return [*person.grants.all(), *of_groups]


def _sees(person: Person, grants: set[tuple[str, str]]) -> str:
    if person.sees_all_accounts:
        return "all accounts"
    if not person.sees_granted_accounts or not grants:
        return "nothing"
    counted = Counter("accounts" if account_id else "organizational units" for account_id, _ in grants)
    words = (f"{number} {noun_for(number, noun)}" for noun, number in sorted(counted.items()))
    return f"granted: {', '.join(words)}"


@page_with_form
@site_admins_only
def one_person(request: HttpRequest, number: int) -> HttpResponse:
    """What one person sees and may do, and the form that changes it."""
    person = get_object_or_404(Person, pk=number)
    if request.method == "POST":
        form = RightsForm(request.POST)
        form.require()
        saved = f"Saved. It counts from {person}'s next click on."
        _done(request, lambda: people.change_rights(person, form.rights, _actor(request)), saved)
        return redirect("person", person.pk)
    now = Freshness.read().now
    chosen = set(person.groups.values_list("pk", flat=True))
    grants = AccountGrant.objects.of(person).select_related("group", "person").distinct()
    context = {
        "shown": person,
        "is_oneself": person.pk == request.user.pk,
        "role": people.role_in_words(person.role, all_accounts=person.all_accounts),
        "sight": sight_of(person),
        "abilities": abilities_of(person),
        "last_login": draw_full_time(person.last_login, now),
        "joined": draw_full_time(person.date_joined, now),
        "roles": _role_options(person.role),
        "group_choices": [(group, group.pk in chosen) for group in Group.objects.order_by("name")],
        "grants": _grant_lines(grants),
        "may_change": person.pk != request.user.pk,
        "counts": person.sees_granted_accounts and not person.sees_all_accounts,
        **_grant_choices(),
    }
    return _render(request, "person", context)


def _role_options(chosen: str) -> list[Option]:
    options = [Option(role.value, f"{role.label}: {words}", role == chosen) for role, words in ROLES_IN_WORDS.items()]
    return [Option("", "No role: sees nothing", not chosen), *options]


def _grant_lines(grants: Any) -> list[dict[str, Any]]:
    """Each with what it covers now."""
    lines = list(grants.order_by("organizational_unit", "account_id", "pk"))
    names = AwsAccount.objects.filter(account_id__in=[grant.account_id for grant in lines]).named()
    return [
        {
            "grant": grant,
            "name": names.get(grant.account_id, ""),
            "is_known": grant.account_id in names,
            "group": grant.group,
        }
        for grant in lines
    ]


def _grant_choices() -> dict[str, Any]:
    units = AwsAccount.objects.present().exclude(organizational_unit="").order_by("organizational_unit")
    return {"units": list(units.values_list("organizational_unit", flat=True).distinct()[:UNITS_OFFERED])}


@require_POST
@site_admins_only
def grant_to_person(request: HttpRequest, number: int) -> HttpResponse:
    person = get_object_or_404(Person, pk=number)
    _add_grant(request, person)
    return redirect("person", person.pk)


@require_POST
@site_admins_only
def grant_to_group(request: HttpRequest, number: int) -> HttpResponse:
    group = get_object_or_404(Group, pk=number)
    _add_grant(request, group)
    return redirect("group", group.pk)


def _add_grant(request: HttpRequest, holder: Person | Group) -> None:
    form = GrantForm(request.POST)
    form.require()
    what = form.cleaned_data["account_id"] or form.cleaned_data["organizational_unit"]
    _done(request, lambda: people.add_grant(holder, _actor(request), **form.cleaned_data), f"Granted: {what}.")


@require_POST
@site_admins_only
def remove_grant(request: HttpRequest, number: int) -> HttpResponse:
    grant = get_object_or_404(AccountGrant.objects.select_related("person", "group"), pk=number)
    what = grant.account_id or grant.organizational_unit
    _done(request, lambda: people.remove_grant(grant, _actor(request)), f"Not granted any more: {what}.")
    return redirect("person", grant.person_id) if grant.person_id else redirect("group", grant.group_id)


# --- Groups


@page_with_form
@site_admins_only
def groups(request: HttpRequest) -> HttpResponse:
    """Groups hold people who see the same accounts."""
    if request.method == "POST":
        form = GroupForm(request.POST)
        form.require()
        name = form.cleaned_data["name"]
        _done(request, lambda: people.create_group(name, _actor(request)), f"Created: {name}.")
        return redirect("groups")
    counted = Group.objects.order_by("name").annotate(
        members=Count("user", distinct=True), grants_given=Count("grants", distinct=True)
    )
    return _render(request, "groups", {"groups": counted})


@page_with_form
@site_admins_only
def group(request: HttpRequest, number: int) -> HttpResponse:
    """Who is in it, what it lets them see, and its name."""
    found = get_object_or_404(Group, pk=number)
    if request.method == "POST":
        form = GroupForm(request.POST)
        form.require()
        name = form.cleaned_data["name"]
        _done(request, lambda: people.rename_group(found, name, _actor(request)), f"Its name is {name} now.")
        return redirect("group", found.pk)
    context = {
        "group": found,
        "members": Person.objects.filter(groups=found).order_by("username"),
        "grants": _grant_lines(found.grants.all()),
        "rules": ClaimRule.objects.filter(group=found),
        "may_change": not person_of(request).groups.filter(pk=found.pk).exists(),
        "counts": True,
        **_grant_choices(),
    }
    return _render(request, "group", context, section_of_people="groups")


@page_with_form
@site_admins_only
def delete_group(request: HttpRequest, number: int) -> HttpResponse:
    """Say who loses what, and on confirmation delete it."""
    found = get_object_or_404(Group, pk=number)
    if request.method == "POST":
        name = found.name
        _done(request, lambda: people.delete_group(found, _actor(request)), f"Deleted: {name}.")
        return redirect("groups")
    context = {
        "group": found,
        "members": Person.objects.filter(groups=found).order_by("username"),
        "grants": _grant_lines(found.grants.all()),
        "rules": [people.rule_in_words(rule) for rule in ClaimRule.objects.filter(group=found).select_related("group")],
    }
    return _render(request, "group_delete", context, section_of_people="groups")


# --- Rules for single sign-on


@page_with_form
@site_admins_only
def rules(request: HttpRequest) -> HttpResponse:
    """What a claim of the identity provider gives to whoever logs in with it."""
    if request.method == "POST":
        _save_rule(request, ClaimRule())
        return redirect("rules")
    lines = [
        {
            "rule": rule,
            "role": people.role_in_words(rule.role, all_accounts=rule.all_accounts) if rule.role else "",
        }
        for rule in ClaimRule.objects.select_related("group")
    ]
    return _render(request, "rules", {"lines": lines, "rule": ClaimRule(), **_rule_choices("")})


@page_with_form
@site_admins_only
def rule(request: HttpRequest, number: int) -> HttpResponse:
    found = get_object_or_404(ClaimRule, pk=number)
    if request.method == "POST":
        _save_rule(request, found)
        return redirect("rules")
    return _render(request, "rule", {"rule": found, **_rule_choices(found.role)}, section_of_people="rules")


@require_POST
@site_admins_only
def delete_rule(request: HttpRequest, number: int) -> HttpResponse:
    found = get_object_or_404(ClaimRule.objects.select_related("group"), pk=number)
    words = f"Deleted: {found.claim}={found.value}. Whoever has the role or group by it keeps it until the next login."
    _done(request, lambda: people.delete_rule(found, _actor(request)), words)
    return redirect("rules")


def _save_rule(request: HttpRequest, stored: ClaimRule) -> None:
    form = RuleForm(request.POST)
    form.require()
    filled = form.fill(stored)
    words = f"Saved: {people.rule_in_words(filled)}. It counts from the next login on."
    _done(request, lambda: people.save_rule(filled, _actor(request)), words)


def _rule_choices(role: str) -> dict[str, Any]:
    options = [Option("", "No role", not role), *(Option(one.value, str(one.label), one == role) for one in Role)]
    return {"roles": options, "group_choices": Group.objects.order_by("name")}


def _render(request: HttpRequest, name: str, context: dict[str, Any], section_of_people: str = "") -> HttpResponse:
    context = {"section": "people", "section_of_people": section_of_people or name, **context}
    return render(request, f"accounts/{name}.html", context)
