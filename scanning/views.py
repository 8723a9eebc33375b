"""The scanning pages. Each view fetches what the person may see, narrows it, and renders it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from coverage_site.links import changed
from coverage_site.paging import PER_PAGE, read_per_page
from coverage_site.requests import Request, person_of, wants_fragment
from scanning import details
from scanning.exports import exported
from scanning.finding_details import FindingDetails
from scanning.frame import frame_of
from scanning.lists import about, group_links, is_uncovered, read_filters, read_lists, status_counts
from scanning.models import CoveredResource, Finding
from scanning.reads import read_log
from scanning.tabs import TAB_BY_SLUG, CoverageTab


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
    name = f"coverage-{tab.slug}-{frame.freshness.now:%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        exported(tab, filters, frame, person),
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
    return render(request, "scanning/resource.html", details.resource_context(request.GET, person, frame, rows))


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
    }
    context |= {"account_name": details.account_name(person, found.account_id)}
    return render(request, "scanning/finding.html", context)


@require_safe
def sync(request: Request) -> HttpResponse:
    """What was read from AWS, when, and how it ended."""
    frame = frame_of(request)
    return _page_or_fragment(request, "sync", {"log": read_log(frame), "section": "sync"})


def _tab(slug: str) -> CoverageTab:
    tab = TAB_BY_SLUG.get(slug)
    if tab is None:
        raise Http404
    return tab


def _page_or_fragment(request: Request, name: str, context: dict[str, Any]) -> HttpResponse:
    """The page, or only the part of it that is asked for: the page includes the same template."""
    fragment = wants_fragment(request)
    return render(request, f"scanning/{'_' if fragment else ''}{name}.html", {**context, "is_fragment": fragment})
