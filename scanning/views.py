"""The scanning pages. Each view fetches what the person may see, narrows it, and renders it."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit
from accounts.choices import Event
from accounts.models import Person
from aws import holds, queue, requests
from aws.choices import HoldDecision
from aws.models import GLOBAL, SyncScope
from coverage_site.exports import record_export
from coverage_site.links import changed
from coverage_site.paging import LARGEST_ID, PER_PAGE, read_per_page
from coverage_site.requests import Request, address_of, person_of, wants_fragment
from scanning import checks, details, tasks
from scanning.exports import exported
from scanning.finding_details import FindingDetails
from scanning.frame import frame_of
from scanning.freshness import Freshness, noun_of
from scanning.held import hold_of
from scanning.history import name_of, read_history
from scanning.lists import about, group_links, is_uncovered, read_filters, read_lists, status_counts
from scanning.models import CoveredResource, Finding
from scanning.reads import asked_for, read_log, scope_line, was_just_released
from scanning.tabs import TAB_BY_SLUG, CoverageTab

log = logging.getLogger(__name__)

QUEUE_IS_AWAY = "The queue does not answer. Nothing was changed."


@require_safe
def coverage(request: Request, slug: str) -> HttpResponse:
    """One tab: its groups, filters and lists."""
    tab, person, frame = _tab(slug), person_of(request), frame_of(request)
    filters = read_filters(tab, request.GET, frame, person)
    lists = read_lists(tab, filters, frame, person)
    context = {
        "tab": tab,
        "filters": filters,
        "lists": lists,
        "groups": group_links(tab, filters, lists),
        "pickers": filters.pickers(status_counts(tab, filters, frame)),
        "per_page_sizes": PER_PAGE,
        "per_page": read_per_page(filters.query.get("per", "")),
        "is_uncovered": is_uncovered(filters.chosen_group),
        "about": about(tab, filters),
        "export_query": changed(filters.query, {}),
        "section": "coverage",
    }
    response = _page_or_fragment(request, "coverage", context)
    if wants_fragment(request):
        response["HX-Push-Url"] = request.path + (changed(filters.query, {}) if filters.query else "")
    return response


@require_safe
def export(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The same lists as a file, with the same query string."""
    tab, person, frame = _tab(slug), person_of(request), frame_of(request)
    filters = read_filters(tab, request.GET, frame, person)
    lines = exported(tab, filters, frame, person)
    record_export(request, frame.accounts_chosen)
    name = f"coverage-{tab.slug}-{frame.freshness.now:%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_safe
def resource(request: HttpRequest, region: str, account_id: str, resource_id: str) -> HttpResponse:
    """Everything about one resource, under each of its scan types."""
    person, frame = person_of(request), frame_of(request)
    visible = CoveredResource.objects.visible_to(person)
    rows = details.rows_of(visible, region, account_id, resource_id)
    if not rows:
        raise Http404
    if request.path != details.path_of(rows[0]):
        return redirect(rows[0])
    context = details.resource_context(request.GET, person, frame, rows)
    return render(request, "scanning/resource.html", {**context, "section": "coverage"})


@require_safe
def finding(request: HttpRequest, finding_arn: str) -> HttpResponse:
    """Everything AWS says of one finding."""
    person, frame = person_of(request), frame_of(request)
    found = get_object_or_404(Finding.objects.visible_to(person), finding_arn=finding_arn)
    rows = details.rows_of(
        CoveredResource.objects.visible_to(person), found.region, found.account_id, found.resource_id
    )
    context = {
        "finding": found,
        "details": FindingDetails(found, rows, frame.freshness),
        "resource": next(iter(rows), None),
        "account_name": details.account_name(person, found.account_id),
        "section": "coverage",
    }
    return render(request, "scanning/finding.html", context)


@require_safe
def sync(request: Request) -> HttpResponse:
    """What was read from AWS, when, and how it ended."""
    context = {"log": read_log(frame_of(request)), "may_sync": person_of(request).may_sync, "section": "sync"}
    return _page_or_fragment(request, "sync", context)


@require_POST
def sync_now(request: Request) -> HttpResponse:
    """Ask for a read of one Region, or of all, before its time."""
    person = _who_may_sync(request)
    region = request.POST.get("region", "")
    if region not in {GLOBAL, *settings.COVERAGE_REGIONS}:
        raise BadRequest("Name one of the Regions that are read, or “global” for all of them.")
    subject = "Every Region" if region == GLOBAL else region
    waiting = requests.waiting(region)
    if waiting is None and _asked(request, region):
        if queue.send(tasks.asked_for(region)):
            messages.success(request, f"{subject} will be read as soon as a worker is free.")
        else:
            _withdraw(request, region)
    elif waiting := waiting or requests.waiting(region):
        messages.info(request, f"{subject}: already {asked_for(waiting, timezone.now(), person)}.")
    return redirect("sync")


@require_safe
def permissions(request: Request) -> HttpResponse:
    """Which calls AWS allows, as it answered when each was last tried."""
    person, frame = person_of(request), frame_of(request)
    if not person.sees_all_accounts:
        raise PermissionDenied
    context = {
        "regions": checks.permissions(frame.freshness.now),
        "waiting": checks.asked_for_lately(tasks.PERMISSIONS),
        "may_sync": person.may_sync,
        "section": "sync",
    }
    return _page_or_fragment(request, "permissions", context)


@require_safe
def comparison(request: Request) -> HttpResponse:
    """Our counts beside those of AWS."""
    person, frame = person_of(request), frame_of(request)
    if not person.sees_all_accounts:
        raise PermissionDenied
    context = {
        "regions": checks.comparisons(frame.freshness.now, sees_errors=True),
        "waiting": checks.asked_for_lately(tasks.COMPARISON),
        "may_sync": person.may_sync,
        "section": "sync",
    }
    return _page_or_fragment(request, "comparison", context)


@require_POST
def check_permissions(request: Request) -> HttpResponse:
    return _ask_worker(request, tasks.PERMISSIONS, "permissions")


@require_POST
def compare(request: Request) -> HttpResponse:
    return _ask_worker(request, tasks.COMPARISON, "comparison")


def _ask_worker(request: Request, name: str, page: str) -> HttpResponse:
    """Let a worker ask AWS; the page shows what it stores. Many clicks are one request."""
    _who_may_sync(request)
    if not _asked(request, name):
        messages.info(request, "It was asked for already and waits for a worker.")
    elif queue.send(tasks.asked_for(name)):
        messages.success(request, "A worker asks AWS as soon as it is free.")
    else:
        _withdraw(request, name)
    return redirect(page)


def _asked(request: HttpRequest, name: str) -> bool:
    """Ask for a read or a check, with the audit in one transaction. False: somebody asked before."""
    by = person_of(request).get_username()
    with transaction.atomic():
        is_first = requests.ask(name, by)
        if is_first:
            audit.record(Event.SYNC_STARTED, by, ip=address_of(request), subject=name)
    return is_first


def _withdraw(request: HttpRequest, name: str) -> None:
    """Nobody will read it: said to the person, and beside what the audit has of it already."""
    requests.withdraw(name)
    by = person_of(request).get_username()
    audit.record(Event.SYNC_STARTED, by, ip=address_of(request), subject=name, error_message=QUEUE_IS_AWAY)
    messages.error(request, QUEUE_IS_AWAY)


@require_safe
def scope(request: Request, scope_id: int) -> HttpResponse:
    """One scope: how it stands, what it is held for, when it could not be looked at, and its reads."""
    person, frame = person_of(request), frame_of(request)
    if not frame.sees_something:
        raise Http404
    found = get_object_or_404(SyncScope.objects.that_pages_rest_on(), pk=scope_id)
    line = scope_line(found, found.runs.filter(generation=found.generation).first(), frame.freshness, person)
    context = {
        "scope": found,
        "line": line,
        "is_moving": line.progress is not None or was_just_released(found, frame.freshness.now),
        "hold": hold_of(found, person, frame.freshness),
        "history": read_history(found, person, frame.freshness, request.GET),
        "may_sync": person.may_sync,
        "section": "sync",
    }
    return _page_or_fragment(request, "scope", context)


@require_http_methods(["GET", "HEAD", "POST"])
def release(request: Request, scope_id: int) -> HttpResponse:
    """Say what a release takes away, and on confirmation let it go."""
    person = _who_may_sync(request)
    found = get_object_or_404(SyncScope, pk=scope_id)
    if request.method == "POST":
        return _decide(request, found, HoldDecision.RELEASED)
    hold = hold_of(found, person, frame_of(request).freshness)
    if hold is None:
        return _is_not_held_so(request, found)
    context = {"scope": found, "hold": hold, "what": noun_of(found), "section": "sync"}
    return render(request, "scanning/release.html", context)


@require_POST
def refuse(request: Request, scope_id: int) -> HttpResponse:
    """Keep what would go."""
    _who_may_sync(request)
    return _decide(request, get_object_or_404(SyncScope, pk=scope_id), HoldDecision.REFUSED)


def _who_may_sync(request: HttpRequest) -> Person:
    person = person_of(request)
    if not person.may_sync:
        raise PermissionDenied
    return person


def _decide(request: Request, scope: SyncScope, decision: HoldDecision) -> HttpResponse:
    """Record it, if the scope is still held for what the person saw; a release is followed by a read."""
    seen = request.POST.get("generation", "")
    if not (seen.isascii() and seen.isdigit() and int(seen[:20]) <= LARGEST_ID):
        raise BadRequest("The form does not say which read it is about. Start again from the page of the scope.")
    scope.generation = int(seen)
    by = person_of(request).get_username()
    with transaction.atomic():
        if not holds.decide(scope, decision, by):
            return _is_not_held_so(request, scope)
        facts = {"subject": str(scope), "region": "" if scope.region == GLOBAL else scope.region}
        audit.record(Event.HOLD_DECIDED, by, ip=address_of(request), to_value=decision.value, **facts)
    log.info("%s: %s by %s", scope, decision, by)
    if decision == HoldDecision.REFUSED:
        messages.success(request, "Refused. Everything is kept; the scope stays held until a read sees it again.")
        return redirect(scope)
    task = tasks.read_of(scope) if Freshness.is_monitored(scope) else None
    if task is not None and queue.send(task):
        messages.success(request, "Released. It is read again as soon as a worker is free.")
    else:
        messages.success(request, "Released. The next sync follows it.")
    return redirect(scope)


def _is_not_held_so(request: Request, scope: SyncScope) -> HttpResponse:
    """The hold was read again, decided or lifted since the form was shown: nothing is changed."""
    context = {"scope": scope, "what": name_of(scope), "section": "sync"}
    return render(request, "scanning/not_held_so.html", context, status=409)


def _tab(slug: str) -> CoverageTab:
    tab = TAB_BY_SLUG.get(slug)
    if tab is None:
        raise Http404
    return tab


def _page_or_fragment(request: Request, name: str, context: dict[str, Any]) -> HttpResponse:
    """The page, or only the part of it that is asked for: the page includes the same template."""
    fragment = wants_fragment(request)
    return render(request, f"scanning/{'_' if fragment else ''}{name}.html", {**context, "is_fragment": fragment})
