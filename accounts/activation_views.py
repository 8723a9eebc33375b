"""The pages of activation: what would change, the click, and how a request goes on."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts import tasks
from accounts.activation import requests
from accounts.activation.allowed import Refused, why_not
from accounts.activation.costs import costs_of
from accounts.activation.latest import latest_change
from accounts.activation.losses import losses_of
from accounts.activation.preview import Preview, Verdict, Wish, preview
from accounts.activation.requests import Confirmation, Stale
from accounts.activation.scripts import as_commands, as_terraform
from accounts.activation_forms import TYPED, ConfirmationForm, WishForm, new_token
from accounts.choices import OPEN_STATES, Action, ItemState, RequestState
from accounts.forms import scan_type_label
from accounts.lists import Scopes
from accounts.models import MEMBERSHIP, ActivationItem, ActivationRequest, AwsAccount, Person, SettingsRequest
from accounts.tables import label_of
from aws.queue import send
from coverage_site.drawing import draw_full_time, draw_time
from coverage_site.requests import Request, address_of, person_of, wants_fragment
from scanning.freshness import Freshness

REQUESTS_SHOWN = 100
ITEMS_SHOWN = 500
LINES_SHOWN = 200
MARKS = {
    ItemState.PLANNED: "wait",
    ItemState.SENDING: "wait",
    ItemState.SENT: "wait",
    ItemState.DONE: "ok",
    ItemState.REFUSED: "bad",
    ItemState.UNSETTLED: "limit",
    ItemState.CANCELLED: "off",
}


@require_POST
def show_preview(request: HttpRequest) -> HttpResponse:
    """Step by step without a script: which scan types and Regions, then what would change. Nothing is changed here."""
    person, form = _asked(request)
    return _preview_page(request, person, form.wish, form)


@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Store what was confirmed, and lead to its page. The same form again leads to the same page."""
    person, form = _asked(request)
    wish, given = form.wish, ConfirmationForm(request.POST)
    given.require(wish.action)
    said = given.cleaned_data
    confirmation = Confirmation(
        said["token"], said["digest"], said["reason"], in_waves=said["in_waves"], ip=address_of(request)
    )
    try:
        made = requests.confirm(person, wish, confirmation)
    except Stale as stale:
        return _preview_page(request, person, wish, form, now=stale.now, status=409)
    except Refused as refused:
        raise BadRequest(str(refused)) from None
    transaction.on_commit(lambda: send(tasks.carry_out.si(made.pk)))
    return redirect("activation", made.pk)


def _asked(request: HttpRequest) -> tuple[Person, WishForm]:
    """Who asks, and for what; refused before anything is worked out if they may not."""
    person = person_of(request)
    form = WishForm(request.POST, person, _monitored(), settings.COVERAGE_MOST_ACCOUNTS)
    if not person.may_activate:
        raise PermissionDenied("Only delegated admins activate and deactivate scan types.")
    form.require()
    return person, form


def _monitored() -> Scopes:
    """Only Regions that are read can be changed: of the others nobody knows the state."""
    return Scopes(Freshness.read(), list(settings.COVERAGE_REGIONS))


def _preview_page(
    request: HttpRequest,
    person: Person,
    wish: Wish,
    form: WishForm,
    *,
    now: Preview | None = None,
    status: int = 200,
) -> HttpResponse:
    is_too_much = len(wish.account_ids) > settings.COVERAGE_MOST_ACCOUNTS
    seen = (now or preview(person, wish)) if wish.scan_types and not is_too_much else None
    context: dict[str, Any] = {
        "wish": wish,
        "action": wish.action,
        "is_destructive": wish.action == Action.DEACTIVATE,
        "why_not": why_not(person, wish.action),
        "typed": TYPED[wish.action],
        "token": new_token(),
        "is_stale": status == 409,
        "latest_change": latest_change(person, wish) if status == 409 else "",
        "most_accounts": settings.COVERAGE_MOST_ACCOUNTS,
        "is_too_much": is_too_much,
        "needs_second_person": settings.COVERAGE_SECOND_PERSON,
        "section": "coverage",
        **form.choices(),
    }
    if seen is not None:
        shown = {line.account_id for verdict in VERDICTS for line in seen.of(verdict)[:LINES_SHOWN]}
        names = AwsAccount.objects.visible_to(person).filter(account_id__in=shown).named()
        context |= {
            "preview": seen,
            "sections": [_section(seen, verdict, names) for verdict in VERDICTS if seen.of(verdict)],
            "accounts_changed": len({line.account_id for line in seen.sent}),
            "losses": losses_of(seen),
            "costs": costs_of(person, seen),
            "commands": as_commands(seen),
            "terraform": as_terraform(seen),
        }
    return render(request, "accounts/preview.html", context, status=status)


VERDICTS = {
    Verdict.CHANGES: "Will change",
    Verdict.COMES_ALONG: "Comes along",
    Verdict.CANNOT: "Cannot be changed",
    Verdict.ALREADY: "Already so",
}


@dataclass(frozen=True)
class Section:
    """The lines of one verdict: in numbers by scan type and Region, then one by one."""

    title: str
    total: int
    summary: list[tuple[str, int]]
    lines: list[dict[str, str]]

    @property
    def left_out(self) -> int:
        return self.total - len(self.lines)


def _section(seen: Preview, verdict: Verdict, names: dict[str, str]) -> Section:
    lines = seen.of(verdict)
    counted = Counter((label_for(line.scan_type), line.region, line.why) for line in lines)
    return Section(
        title=VERDICTS[verdict],
        total=len(lines),
        summary=[
            (f"{scan_type} in {region}" + (f": {why}" if why else ""), count)
            for (scan_type, region, why), count in counted.most_common()
        ],
        lines=[
            {
                "account": names.get(line.account_id) or line.account_id,
                "account_id": line.account_id,
                "region": line.region,
                "scan_type": label_for(line.scan_type),
                "status": label_of(line.status) if line.status else "never activated",
                "why": line.why,
            }
            for line in lines[:LINES_SHOWN]
        ],
    )


def label_for(scan_type: str) -> str:
    return "Membership" if scan_type == MEMBERSHIP else scan_type_label(scan_type)


# --- Requests


@require_safe
def request_list(request: HttpRequest) -> HttpResponse:
    """What was asked for lately, as far as it reaches accounts that the person sees."""
    person = person_of(request)
    visible = _visible_requests(person).select_related("person")[:REQUESTS_SHOWN]
    now = Freshness.read().now
    rows = [
        {
            "request": row,
            "title": title_of(row),
            "at": draw_time(row.created_at, now),
            "total": row.total,
            "done": row.done,
            "refused": row.refused,
            "open": row.open,
        }
        for row in visible
    ]
    of_settings = SettingsRequest.objects.visible_to(person).select_related("person")[:REQUESTS_SHOWN]
    names = AwsAccount.objects.visible_to(person).filter(account_id__in={row.account_id for row in of_settings}).named()
    settings_rows = [
        {
            "request": row,
            "account": names.get(row.account_id) or row.account_id,
            "at": draw_time(row.created_at, now),
            "mark": MARKS[ItemState(row.state)],
        }
        for row in of_settings
    ]
    context = {"rows": rows, "settings_rows": settings_rows, "section": "activation"}
    return render(request, "accounts/requests.html", context)


def _visible_requests(person: Person) -> Any:
    items = ActivationItem.objects.visible_to(person)
    visible = ActivationRequest.objects.filter(pk__in=items.values("request_id"))
    seen = Q() if person.sees_all_accounts else Q(items__in=items)
    return visible.annotate(
        total=Count("items", filter=seen),
        done=Count("items", filter=seen & Q(items__state=ItemState.DONE)),
        refused=Count("items", filter=seen & Q(items__state__in=[ItemState.REFUSED, ItemState.CANCELLED])),
        open=Count("items", filter=seen & Q(items__state__in=OPEN_STATES)),
    )


def title_of(request: ActivationRequest) -> str:
    types = ", ".join(label_for(name) for name in request.scan_types)
    return f"{request.get_action_display()} {types} in {', '.join(request.regions)}"


@require_safe
def one_request(request: Request, number: int) -> HttpResponse:
    """How a request goes on: from the database alone, again and again until it is settled."""
    person = person_of(request)
    found = _found(person, number)
    context = _request_context(person, found)
    if not wants_fragment(request):
        return render(request, "accounts/request.html", context)
    if request.GET.get("shown") == context["shown"]:
        # Nothing differs from what is on the page: nothing there is touched, so that nothing moves under a hand.
        return HttpResponse(status=204)
    context["replaces_offers"] = request.GET.get("offered") != context["offered"]
    return render(request, "accounts/_request.html", context)


def _request_context(person: Person, found: ActivationRequest) -> dict[str, Any]:
    now = Freshness.read().now
    items = found.items.visible_to(person)
    counted = dict(items.order_by().values_list("state").annotate(Count("pk")))
    total = sum(counted.values())
    may = person.may_activate
    offers = {
        "approve": may and found.state == RequestState.WAITING and person.pk != found.person_id,
        "cancel": may and bool(counted.get(ItemState.PLANNED)),
        "retry": may and bool(counted.get(ItemState.REFUSED) or counted.get(ItemState.CANCELLED)),
    }
    offered = "-".join(name for name, is_offered in offers.items() if is_offered)
    groups = _groups(person, items, now)
    told = [(row["item"].pk, row["item"].state, row["to"], row["item"].error_message, row["since"]) for row in groups]
    return {
        "request_shown": found,
        "title": title_of(found),
        "created": draw_full_time(found.created_at, now),
        "counts": [
            (ItemState(state).label, MARKS[ItemState(state)], counted[state]) for state in ItemState if state in counted
        ],
        "total": total,
        "settled": total - sum(counted.get(state, 0) for state in OPEN_STATES),
        "is_open": found.state == RequestState.CONFIRMED and any(counted.get(state) for state in OPEN_STATES),
        "waits_for_second": found.state == RequestState.WAITING,
        **{f"may_{name}": is_offered for name, is_offered in offers.items()},
        "offered": offered,
        "shown": hashlib.sha256(repr((found.state, sorted(counted.items()), offered, told)).encode()).hexdigest()[:16],
        "groups": groups,
        "left_out": max(0, total - ITEMS_SHOWN),
        "section": "activation",
    }


def _groups(person: Person, items: Any, now: Any) -> list[dict[str, Any]]:
    """What needs a person first, then what is under way, then what is done."""
    order = [
        ItemState.REFUSED,
        ItemState.UNSETTLED,
        ItemState.CANCELLED,
        ItemState.SENDING,
        ItemState.SENT,
        ItemState.PLANNED,
        ItemState.DONE,
    ]
    rows = sorted(items[:ITEMS_SHOWN], key=lambda item: order.index(ItemState(item.state)))
    shown = {item.account_id for item in rows}
    names = AwsAccount.objects.visible_to(person).filter(account_id__in=shown).named()
    return [
        {
            "account": names.get(item.account_id) or item.account_id,
            "item": item,
            "scan_type": label_for(item.scan_type),
            "mark": MARKS[ItemState(item.state)],
            "from": label_of(item.from_status) if item.from_status else "—",
            "to": label_of(item.status) if item.status else "—",
            "since": draw_time(item.sent_at, now, never="not sent"),
        }
        for item in rows
    ]


def _found(person: Person, number: int) -> ActivationRequest:
    found = ActivationRequest.objects.filter(pk=number).select_related("person", "approved_by").first()
    if found is None or not found.items.visible_to(person).exists():
        raise Http404
    return found


@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    person = person_of(request)
    found = _found(person, number)
    if not person.may_activate:
        raise PermissionDenied
    return _after(request, found, lambda: requests.approve(found, person, address_of(request)))


@require_POST
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Give up what was not sent yet; what AWS was asked for goes on."""
    person = person_of(request)
    found = _found(person, number)
    if not person.may_activate:
        raise PermissionDenied
    return _after(request, found, lambda: requests.cancel(found, person, address_of(request)))


def _after(request: HttpRequest, found: ActivationRequest, act: Any) -> HttpResponse:
    try:
        act()
    except Refused as refused:
        raise BadRequest(str(refused)) from None
    transaction.on_commit(lambda: send(tasks.carry_out.si(found.pk)))
    return redirect("activation", found.pk)


@require_POST
def retry(request: HttpRequest, number: int) -> HttpResponse:
    """What failed, as a new preview."""
    person = person_of(request)
    found = _found(person, number)
    if not person.may_activate:
        raise PermissionDenied
    wish = requests.retry(found, person)
    data = QueryDict(mutable=True)
    data["action"] = wish.action.value
    for name, values in (("account", wish.account_ids), ("region", wish.regions), ("scan_type", wish.scan_types)):
        data.setlist(name, list(values))
    form = WishForm(data, person, _monitored(), settings.COVERAGE_MOST_ACCOUNTS)
    form.require()
    return _preview_page(request, person, form.wish, form)
