"""What the page of one resource shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import AwsAccount, Person
from coverage_site.drawing import (
    absolute,
    age_words,
    ago,
    draw_full_time,
    draw_severities,
    draw_tags,
    draw_time,
    noun_for,
)
from coverage_site.links import changed, known
from coverage_site.paging import page_of, read_cursor, read_order
from scanning.choices import FindingStatus, ResourceType, ScanType
from scanning.columns import EXCLUDING_TAGS, Sheet, counted_findings, draw_status, monitored_using, old_mark
from scanning.facts import draw_facts
from scanning.finding_details import percent
from scanning.frame import Frame
from scanning.models import CoverageCount, CoveredResource, CoveredResourceQuerySet, Finding, StatusChange
from scanning.statuses import Status, status_of
from scanning.tables import SORTS, ImageTable
from scanning.tabs import tab_of_type

LATEST = ":$LATEST"
FINDINGS_A_PAGE = 100
IMAGES_A_PAGE = 50
CHANGES_SHOWN = 50
PARAMETERS = ("findings", "page", "sort", "after", "before")
FINDING_GROUPS = {status.value.lower(): status for status in FindingStatus}


def rows_of(visible: CoveredResourceQuerySet, region: str, account_id: str, resource_id: str) -> list[CoveredResource]:
    """A resource's rows, by its id or by what people make of it: a function without its version, a slash too many."""
    written = resource_id.rstrip("/")
    for candidate in dict.fromkeys((resource_id, written, written + LATEST)):
        rows = visible.at(region, account_id, candidate).exclude(resource_type=ResourceType.AWS_ACCOUNT)
        if found := sorted(
            rows, key=lambda row: (row.gone_at is not None, row.scan_type != ScanType.PACKAGE, row.scan_type)
        ):
            return found
    return []


def path_of(row: CoveredResource) -> str:
    """The resource's address as the server sees it: decoded."""
    root = reverse("resource", args=[row.region, row.account_id, "-"]).removesuffix("-/")
    return f"{root}{row.resource_id}/"


def account_name(person: Person, account_id: str) -> str:
    return AwsAccount.objects.visible_to(person).filter(account_id=account_id).named().get(account_id, "")


@dataclass(frozen=True)
class Standing:
    """A resource under one scan type: the status, what follows from it, and what else has it."""

    row: CoveredResource
    status: Status
    drawn: SafeString
    lead: str
    monitored_using: SafeString
    last_scanned: SafeString
    alike: int
    alike_address: str
    old: SafeString


def _standing(row: CoveredResource, frame: Frame, alike: dict[tuple[str, str], int]) -> Standing:
    now = frame.freshness.now
    tab = tab_of_type(row.resource_type)
    query = {"account": row.account_id, "status": row.status_key}
    sheet = Sheet(frame.freshness, {})
    key = (row.region, row.resource_type)
    old = frame.freshness.old_since
    return Standing(
        row=row,
        status=row.status,
        drawn=draw_status(row.status),
        lead=_lead(row, now),
        monitored_using=monitored_using(row, sheet),
        last_scanned=draw_full_time(row.last_scanned_at, now),
        alike=alike.get((row.scan_type, row.status_key), 0),
        alike_address=reverse("coverage", args=[tab.slug]) + changed(QueryDict(), query),
        old=old_mark(old[key], now) if key in old else SafeString(""),
    )


def _lead(row: CoveredResource, now: datetime) -> str:
    """How long the resource has been as it is, in one line."""
    what = {ScanType.PACKAGE: "for packages", ScanType.CODE: "for code", ScanType.NETWORK: "for network reachability"}
    scanned_for = what.get(row.scan_type, "")  # type: ignore[call-overload]
    if row.resource_type == ResourceType.AWS_ECR_REPOSITORY and not row.gone_at:
        return ""
    if row.gone_at:
        return f"Gone since {absolute(row.gone_at)}: AWS does not list it any more"
    if row.is_covered and row.is_scanned_once and row.last_scanned_at:
        return f"Scanned {scanned_for} once, {ago(row.last_scanned_at, now)}"
    if row.is_covered:
        return f"Scanned {scanned_for}".strip()
    if row.was_scanned:
        return f"Not scanned {scanned_for} for {age_words(now - row.not_scanned_since)}".replace("  ", " ")
    return f"Never scanned {scanned_for}; seen by this dashboard for {age_words(now - row.first_seen_at)}".replace(
        "  ", " "
    )


@dataclass(frozen=True)
class Change:
    at: datetime
    scan_type: str
    drawn: SafeString


def _history(rows: Sequence[CoveredResource]) -> list[Change]:
    """What each status was, the latest first. The oldest line is the status at our first sight of the resource.

    Where changes may have been purged, the oldest one that was kept tells nothing of that first sight.
    """
    kept_since = timezone.now() - settings.COVERAGE_RETENTION
    by_id = {row.pk: row for row in rows}
    changes: list[Change] = []
    found = list(StatusChange.objects.filter(resource__in=by_id)[: CHANGES_SHOWN + 1])
    for change in found[:CHANGES_SHOWN]:
        row = by_id[change.resource_id]
        became = status_of(row.resource_type, change.to_code, change.to_reason, change.to_frequency)
        changes.append(Change(change.at, row.scan_type_label, draw_status(became)))
    if len(found) <= CHANGES_SHOWN:
        first = {change.resource_id: change for change in found}
        for row in rows:
            earliest = first.get(row.pk)
            if earliest is not None and earliest.at < kept_since:
                continue
            was = row.status
            if earliest is not None:
                was = status_of(row.resource_type, earliest.from_code, earliest.from_reason, earliest.from_frequency)
            changes.append(Change(row.first_seen_at, row.scan_type_label, draw_status(was)))
    return changes


@dataclass(frozen=True)
class FindingLine:
    finding: Finding
    epss: str
    fix: str
    evidence: SafeString

    @property
    def has_scores(self) -> bool:
        """Whether it says what only package vulnerabilities say."""
        return bool(self.epss or self.fix or self.finding.exploit_available) or self.finding.score is not None


@dataclass(frozen=True)
class FindingGroup:
    value: str
    label: str
    count: int
    address: str
    is_current: bool


def resource_context(query: QueryDict, person: Person, frame: Frame, rows: list[CoveredResource]) -> dict[str, Any]:
    """Everything that the template needs, in a number of queries that does not depend on the resource."""
    query = known(query, PARAMETERS)
    main = rows[0]
    tab = tab_of_type(main.resource_type)
    alike = _alike(person, main)
    context = {
        "resource": main,
        "tab": tab,
        "account_name": account_name(person, main.account_id),
        "standings": [_standing(row, frame, alike) for row in rows],
        "facts": draw_facts(main.metadata),
        "tags": draw_tags(main.tags, excluding=EXCLUDING_TAGS),
        "first_seen": draw_full_time(min(row.first_seen_at for row in rows), frame.freshness.now),
        "gone_at": main.gone_at,
        "history": _history(rows),
        "every_minutes": round(frame.freshness.every.total_seconds() / 60),
        "repository": _repository(person, main),
    }
    if main.resource_type == ResourceType.AWS_ECR_REPOSITORY:
        return context | _images(query, person, frame, main)
    return context | _findings(query, person, frame, rows)


def _alike(person: Person, row: CoveredResource) -> dict[tuple[str, str], int]:
    """(scan type, status) → how many resources of this type in this account are in it."""
    counts = CoverageCount.objects.summed_for(person, [row.account_id]).filter(resource_type=row.resource_type)
    return {(str(scan_type), str(key)): int(str(n)) for scan_type, key, n in counts.totals("scan_type", "status_key")}


def _repository(person: Person, row: CoveredResource) -> CoveredResource | None:
    """The repository that an image is in."""
    if row.resource_type != ResourceType.AWS_ECR_CONTAINER_IMAGE:
        return None
    of_repository = row.resource_id.rpartition("/")[0]
    return CoveredResource.objects.visible_to(person).at(row.region, row.account_id, of_repository).first()


def _findings(query: QueryDict, person: Person, frame: Frame, rows: list[CoveredResource]) -> dict[str, Any]:
    """The findings of one status, worst first, each with the age of its evidence."""
    main = rows[0]
    found = Finding.objects.visible_to(person).present().of_resource(main)
    counts = dict(found.order_by().values_list("status").annotate(Count("id")))
    chosen = query.get("findings", "active")
    if chosen not in FINDING_GROUPS:
        raise BadRequest(f"findings: “{chosen[:40]}” is not one of {', '.join(FINDING_GROUPS)}.")
    status = FINDING_GROUPS[chosen]
    pages = Paginator(found.filter(status=status).worst_first(), FINDINGS_A_PAGE)
    pages.count = counts.get(status.value, 0)
    page = pages.page(_page_number(query.get("page", "1"), pages.num_pages))
    evidence = _evidence(rows, person, frame)
    lines = [FindingLine(one, percent(one.epss), fix_of(one), evidence(one)) for one in page]
    was_scanned = any(row.was_scanned or row.is_covered for row in rows)
    sheet = Sheet(frame.freshness, {}, counted_findings(person, rows))
    severities = _sum([sheet.findings.get((_key(main), scan_type), {}) for scan_type in ScanType.values])
    return {
        "findings": lines,
        "with_scores": any(line.has_scores for line in lines),
        "finding_page": page,
        "finding_noun": noun_for(pages.count, "findings"),
        "finding_groups": [
            FindingGroup(
                value,
                str(one.label),
                counts.get(one.value, 0),
                changed(query, {"findings": value, "page": None}),
                value == chosen,
            )
            for value, one in FINDING_GROUPS.items()
        ],
        "finding_previous": changed(query, {"page": str(page.number - 1)}) if page.has_previous() else "",
        "finding_next": changed(query, {"page": str(page.number + 1)}) if page.has_next() else "",
        "severities": draw_severities(severities, aged=not main.is_monitored) if counts or was_scanned else "",
        "findings_are_known": frame.freshness.findings_are_known(main.region),
        "was_scanned": was_scanned,
        "findings_as_of": frame.freshness.findings_as_of(main.region),
    }


def _key(row: CoveredResource) -> tuple[str, str, str]:
    return row.region, row.account_id, row.resource_id


def _sum(counts: Sequence[Any]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for severity, count in one.items():
            total[severity] = total.get(severity, 0) + count
    return total


def _page_number(text: str, pages: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 6 or not 1 <= int(text) <= pages:
        raise BadRequest(f"page: “{text[:20]}” is not one of the {pages} pages.")
    return int(text)


def _evidence(rows: Sequence[CoveredResource], person: Person, frame: Frame) -> Any:
    """How old what a finding rests on is: the scan that would have noticed its end."""
    now = frame.freshness.now
    by_scan_type = {row.scan_type: row for row in rows}
    network = CoveredResource.objects.visible_to(person).present().of_types([ResourceType.AWS_ACCOUNT])
    if rows[0].resource_type == ResourceType.AWS_EC2_INSTANCE and ScanType.NETWORK not in by_scan_type:
        account = network.at(rows[0].region, rows[0].account_id, rows[0].account_id).first()
        by_scan_type |= {ScanType.NETWORK.value: account} if account else {}

    def draw(finding: Finding) -> SafeString:
        row = by_scan_type.get(finding.scan_type)
        if row is not None and row.is_monitored and row.gone_at is None:
            return format_html('<span class="quiet">{}</span>', "current")
        at = (row.last_scanned_at if row is not None else None) or finding.last_observed_at
        return draw_time(at, now, "unknown")

    return draw


def fix_of(finding: Finding) -> str:
    """What mends it: the first package with its fixed version, or that there is none."""
    if finding.fix_available == "NO":
        return "no fixed version"
    details = finding.detail.get("packageVulnerabilityDetails")
    packages = details.get("vulnerablePackages") if isinstance(details, dict) else None
    found = [one for one in packages if isinstance(one, dict)] if isinstance(packages, list) else []
    fixed = [one for one in found if one.get("fixedInVersion") not in (None, "", "NotAvailable")]
    if not fixed:
        return ""
    first = f"{fixed[0].get('name', '')} {fixed[0].get('version', '')} → {fixed[0]['fixedInVersion']}"
    return first if len(fixed) == 1 else f"{first} and {len(fixed) - 1} more"


def _images(query: QueryDict, person: Person, frame: Frame, repository: CoveredResource) -> dict[str, Any]:
    """The images in a repository: tag, digest, status, findings by severity."""
    order = read_order(query.get("sort", ""), SORTS, default="-last_scanned")
    cursor = read_cursor(query.get("after", ""), query.get("before", ""), order)
    rows = CoveredResource.objects.visible_to(person).present().of_repository(repository)
    page = page_of(rows, order, cursor, IMAGES_A_PAGE)
    sheet = Sheet(
        frame.freshness,
        {},
        counted_findings(person, page.rows),
        QueryDict(),
        explained_at=reverse("coverage", args=["images"]),
    )
    image_count = rows.count()
    exclude = ("repository_name", "account", "region", "tags")
    return {
        "images": ImageTable(page.rows, sheet, order=order, exclude=exclude) if page.rows else None,
        "image_count": image_count,
        "image_noun": noun_for(image_count, "images"),
        "images_previous": changed(query, {"before": page.previous, "after": None}) if page.previous else "",
        "images_next": changed(query, {"after": page.next, "before": None}) if page.next else "",
    }
