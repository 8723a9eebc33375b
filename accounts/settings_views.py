"""The pages of settings: what is set in each Region, what a change would do, the click, and how a request goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts import tasks
from accounts.activation.allowed import Refused
from accounts.activation_forms import new_token
from accounts.activation_views import MARKS
from accounts.choices import OPEN_STATES, ItemState, Setting
from accounts.configuration import requests
from accounts.configuration.allowed import why_not
from accounts.configuration.kinds import kind_of
from accounts.configuration.requests import Change, Confirmation, Stale
from accounts.lists import Scopes
from accounts.models import (
    AwsAccount,
    OrganizationSettings,
    OrganizationSettingsChange,
    Person,
    SettingsRequest,
)
from accounts.settings_forms import SettingConfirmationForm, SettingForm, typed_for
from accounts.settings_rows import SETTINGS, WORDS, address_of_setting
from aws.choices import CallerKind
from aws.queue import send
from coverage_site.drawing import absolute, draw_full_time
from coverage_site.requests import Request, address_of, person_of, wants_fragment
from scanning.freshness import Freshness

OF_ORGANIZATION = (Setting.AUTOMATIC_ACTIVATION, Setting.EC2_SCAN_MODE, Setting.ECR_DURATIONS)
CHANGES_SHOWN = 30


@require_safe
def organization(request: HttpRequest) -> HttpResponse:
    """What the delegated administrator has set, Region by Region, and what changed lately."""
    person = person_of(request)
    known = {row.region: row for row in OrganizationSettings.objects.filter(region__in=settings.COVERAGE_REGIONS)}
    changes = OrganizationSettingsChange.objects.filter(region__in=settings.COVERAGE_REGIONS)
    administered = Scopes(Freshness.read(), settings.COVERAGE_REGIONS).regions_as(CallerKind.DELEGATED_ADMIN)
    context = {
        "regions": [_region(region, known.get(region), administered) for region in settings.COVERAGE_REGIONS],
        "may_change": person.may_activate and person.sees_all_accounts,
        "why_not": why_not(person, Setting.AUTOMATIC_ACTIVATION, "", {}) if person.may_activate else "",
        "history": [(absolute(one.at), words) for one in changes[:CHANGES_SHOWN] if (words := _change_words(one))],
        "section": "coverage",
    }
    return render(request, "accounts/settings.html", context)


def _change_words(change: OrganizationSettingsChange) -> str:
    """One line of the history; empty for what only accompanies a setting, as the time of an update at AWS."""
    name = change.setting.rpartition(".")[2]
    if change.setting.startswith("auto_enable."):
        what = f"New members start with {kind_of(Setting.AUTOMATIC_ACTIVATION).labels.get(name, name)}"
    elif change.setting == "max_account_limit_reached":
        what = "Member limit reached"
    elif name in SETTINGS:
        what = SETTINGS[name]
    else:
        return ""
    old, new = (TRUTH.get(value) or WORDS.get(value, value or "—") for value in (change.from_value, change.to_value))
    return f"{what} in {change.region}: {old} → {new}"


TRUTH = {"True": "yes", "False": "no"}


def _region(region: str, row: OrganizationSettings | None, administered: Collection[str]) -> dict[str, Any]:
    return {
        "name": region,
        "limit_reached": row is not None and row.max_account_limit_reached,
        "settings": [
            {
                "label": setting.label,
                "words": kind_of(setting).words(kind_of(setting).of_organization(row) or {}),
                "address": address_of_setting(setting, region) if region in administered else "",
            }
            for setting in OF_ORGANIZATION
        ],
    }


# --- What a change would do


@require_safe
def change(request: HttpRequest) -> HttpResponse:
    """First what it shall be, then what that means. Both are plain addresses, and nothing is changed here."""
    person, form = _asked(request)
    if not form.is_chosen:
        return render(request, "accounts/setting_form.html", _form_context(person, form))
    return _confirmation_page(request, person, form, form.change)


@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Store what was confirmed, and lead to its page. The same form again leads to the same page."""
    person, form = _asked(request)
    if not form.is_chosen:
        raise BadRequest("Nothing is chosen.")
    wanted, given = form.change, SettingConfirmationForm(request.POST)
    given.require(wanted)
    said = given.cleaned_data
    confirmation = Confirmation(said["token"], said["digest"], said["reason"], ip=address_of(request))
    try:
        made = requests.confirm(person, wanted, confirmation)
    except Stale:
        return _confirmation_page(request, person, form, form.change, status=409)
    except Refused as refused:
        raise BadRequest(str(refused)) from None
    transaction.on_commit(lambda: send(tasks.change_setting.si(made.pk)))
    return redirect("settings-request", made.pk)


def _asked(request: HttpRequest) -> tuple[Person, SettingForm]:
    """Who asks, and for what; refused before anything is worked out if they may not."""
    person = person_of(request)
    if not person.may_activate:
        raise PermissionDenied("Only delegated admins change settings.")
    form = SettingForm(request.POST if request.method == "POST" else request.GET, person)
    form.require()
    if not form.account_id and not person.sees_all_accounts:
        raise PermissionDenied("Only delegated admins of all accounts change the organization's settings.")
    return person, form


def _context(person: Person, asked: Change) -> dict[str, Any]:
    account = AwsAccount.objects.visible_to(person).filter(account_id=asked.account_id).first()
    row = OrganizationSettings.objects.filter(region=asked.region).first()
    joins = asked.setting in {Setting.AUTOMATIC_ACTIVATION, Setting.ASSOCIATE}
    return {
        "change": asked,
        "label": asked.setting.label,
        "account": account,
        "why_not": asked.why_not(person),
        "is_unknown": asked.before is None,
        "meaning": asked.kind.meaning(asked.account_id),
        "limit_reached": joins and row is not None and row.max_account_limit_reached,
        "section": "coverage",
    }


def _form_context(person: Person, form: SettingForm) -> dict[str, Any]:
    asked = form.now
    before, labels = asked.before or {}, asked.kind.labels
    is_automatic = asked.setting == Setting.AUTOMATIC_ACTIVATION
    choices = asked.kind.choices(asked.account_id)
    return _context(person, asked) | {
        "switches": [
            {"value": name, "label": labels[name], "is_on": bool(before.get(name))} for name in choices if is_automatic
        ],
        "reported": [] if not is_automatic else [one for one in asked.kind.words(before) if one[0] not in _shown(form)],
        "selects": [
            {
                "name": name,
                "label": labels[name],
                "options": [(value, label, value == before.get(name)) for value, label in options.items()],
                "is_known": before.get(name) in options,
            }
            for name, options in choices.items()
            if not is_automatic
        ],
    }


def _shown(form: SettingForm) -> set[str]:
    kind = kind_of(form.setting_asked)
    return {kind.labels[name] for name in kind.choices("")}


def _confirmation_page(
    request: HttpRequest, person: Person, form: SettingForm, asked: Change, *, status: int = 200
) -> HttpResponse:
    before = asked.before or {}
    old, new = dict(asked.kind.words(before)), asked.kind.words(asked.wanted)
    context = _context(person, asked) | {
        "rows": [(what, old.get(what, "not known"), how, old.get(what) != how) for what, how in new],
        "kept": [(what, how) for what, how in old.items() if what not in dict(new)],
        "changes": asked.changes,
        "losses": asked.kind.losses(before, asked.wanted) if asked.changes else [],
        "is_destructive": asked.kind.is_destructive(asked.wanted),
        "typed": typed_for(asked),
        "hidden": form.hidden(),
        "token": new_token(),
        "is_stale": status == 409,
        "needs_second_person": settings.COVERAGE_SECOND_PERSON,
        "form_address": address_of_setting(asked.setting, asked.region, asked.account_id),
    }
    return render(request, "accounts/setting_confirm.html", context, status=status)


# --- Requests


@require_safe
def one_request(request: Request, number: int) -> HttpResponse:
    """How a request goes on: from the database alone, again and again until it is settled."""
    person = person_of(request)
    found = _found(person, number)
    name = f"accounts/{'_' if wants_fragment(request) else ''}settings_request.html"
    return render(request, name, _request_context(person, found))


def _request_context(person: Person, found: SettingsRequest) -> dict[str, Any]:
    now, kind = Freshness.read().now, kind_of(found.setting)
    old = dict(kind.words(found.before))
    account = AwsAccount.objects.visible_to(person).filter(account_id=found.account_id).first()
    may = person.may_activate and (bool(found.account_id) or person.sees_all_accounts)
    is_planned = found.state == ItemState.PLANNED
    return {
        "request_shown": found,
        "title": title_of(found, account),
        "account": account,
        "created": draw_full_time(found.created_at, now),
        "sent": draw_full_time(found.sent_at, now, never="not sent"),
        "settled": draw_full_time(found.settled_at, now, never="not settled yet"),
        "mark": MARKS[ItemState(found.state)],
        "is_open": found.state in OPEN_STATES and not found.waits,
        "rows": [
            (what, old.get(what, "not known"), how) for what, how in kind.words(found.wanted) if old.get(what) != how
        ],
        "may_approve": may and is_planned and found.waits and person.pk != found.person_id,
        "may_cancel": may and is_planned,
        "section": "activation",
    }


def title_of(request: SettingsRequest, account: AwsAccount | None) -> str:
    whose = f" of {account.label}" if account and request.setting not in {"associate", "disassociate"} else ""
    whom = f": {account.label}" if account and not whose else ""
    return f"{request.get_setting_display()}{whose} in {request.region}{whom}"


def _found(person: Person, number: int) -> SettingsRequest:
    visible = SettingsRequest.objects.visible_to(person).select_related("person", "approved_by")
    found = visible.filter(pk=number).first()
    if found is None:
        raise Http404
    return found


@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    return _after(request, number, requests.approve)


@require_POST
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Give up what was not sent yet."""
    return _after(request, number, requests.cancel)


def _after(
    request: HttpRequest, number: int, act: Callable[[SettingsRequest, Person, str | None], None]
) -> HttpResponse:
    person = person_of(request)
    found = _found(person, number)
    if not person.may_activate:
        raise PermissionDenied
    try:
        act(found, person, address_of(request))
    except Refused as refused:
        raise BadRequest(str(refused)) from None
    transaction.on_commit(lambda: send(tasks.change_setting.si(found.pk)))
    return redirect("settings-request", found.pk)
