"""How a fact of a covered resource is drawn, once. A cell is a function of the row and its sheet, the page's facts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import TextChoices
from django.http import QueryDict
from django.utils.safestring import SafeString

from accounts.models import Person
from coverage_site.drawing import (
    NOTHING,
    absolute,
    age_words,
    ago,
    clock,
    draw_account,
    draw_severities,
    draw_tags,
    draw_time,
    markup,
)
from coverage_site.links import changed
from scanning.choices import CodeProvider, Kind, Platform, ResourceType, ScanFrequency, ScanMode, ScanType, Severity
from scanning.freshness import Freshness
from scanning.models import CoveredResource, FindingCount
from scanning.statuses import Status

MARKS = {
    Kind.SCANNING: "ok",
    Kind.PARTLY: "part",
    Kind.WAITING: "wait",
    Kind.FIX: "bad",
    Kind.LIMIT: "limit",
    Kind.CHOICE: "off",
    Kind.IDLE: "off",
}
EXCLUDING_TAGS = frozenset({"InspectorEc2Exclusion", "InspectorExclusion", "InspectorCodeExclusion"})
TAGS_IN_A_CELL = 2
SHORT_DIGEST = 12

ResourceKey = tuple[str, str, str]
SeverityCounts = Mapping[str, int]


@dataclass(frozen=True)
class Sheet:
    """What the rows of one page have in common, read once for all of them."""

    freshness: Freshness
    names: Mapping[str, str]
    findings: Mapping[tuple[ResourceKey, str], SeverityCounts] = field(default_factory=dict)
    query: QueryDict = field(default_factory=QueryDict)
    about: str = ""
    explained_at: str = ""
    """Another page whose panel explains statuses, where the rows' own page has none."""

    drawn: dict[Hashable, SafeString] = field(default_factory=dict)
    """Cells that many rows share, drawn once."""

    @property
    def now(self) -> datetime:
        return self.freshness.now

    def once(self, key: Hashable, draw: Callable[[], SafeString]) -> SafeString:
        found = self.drawn.get(key)
        if found is None:
            found = self.drawn[key] = draw()
        return found

    def counts_of(self, row: CoveredResource) -> dict[str, int]:
        """Active findings beside a row. What the network lets through to an instance is counted with its packages."""
        scan_types = [row.scan_type]
        if row.resource_type == ResourceType.AWS_EC2_INSTANCE and row.scan_type == ScanType.PACKAGE:
            scan_types.append(ScanType.NETWORK)
        total: dict[str, int] = {}
        for scan_type in scan_types:
            for severity, count in self.findings.get((key_of(row), scan_type), {}).items():
                total[severity] = total.get(severity, 0) + count
        return total


def key_of(row: CoveredResource) -> ResourceKey:
    return row.region, row.account_id, row.resource_id


def counted_findings(person: Person, rows: Iterable[CoveredResource]) -> dict[tuple[ResourceKey, str], SeverityCounts]:
    """The findings of these rows, by severity: one query."""
    fields = [severity.lower() for severity in Severity]
    counts = FindingCount.objects.visible_to(person).of_resources(rows)
    return {
        ((region, account_id, resource_id), scan_type): dict(zip(fields, numbers, strict=True))
        for region, account_id, resource_id, scan_type, *numbers in counts.values_list(
            "region", "account_id", "resource_id", "scan_type", *fields
        )
    }


# --- Cells


def resource(row: CoveredResource, sheet: Sheet) -> SafeString:
    """The name, or for want of one the end of the id, as the link to the resource."""
    label = row.name or row.resource_id.rpartition("/")[2] or row.resource_id
    return _named(row, label, row.resource_id if label != row.resource_id else "", sheet)


def function(row: CoveredResource, sheet: Sheet) -> SafeString:
    return _named(row, row.label, "", sheet)


def image(row: CoveredResource, sheet: Sheet) -> SafeString:
    """An image is called by its tag, an untagged one by its digest."""
    digest = short_digest(row.resource_id)
    tags = [str(tag) for tag in row.tags] if isinstance(row.tags, list) else []
    if not tags:
        return _named(row, digest, "", sheet)
    more = markup(' <span class="quiet" title="{}">+{}</span>', ", ".join(tags[1:]), len(tags) - 1) if tags[1:] else ""
    return _named(row, tags[0], digest, sheet, more)


def short_digest(resource_id: str) -> str:
    digest = resource_id.rpartition("/")[2]
    scheme, colon, value = digest.partition(":")
    return f"{scheme}:{value[:SHORT_DIGEST]}" if colon else digest


def _named(row: CoveredResource, label: str, below: str, sheet: Sheet, more: SafeString | str = "") -> SafeString:
    title = row.resource_id if label in row.resource_id else f"{label}\n{row.resource_id}"
    link = markup('<a href="{}" title="{}">{}</a>', row.get_absolute_url(), title, label)
    if more:
        link = link + markup("{}", more)
    if row.missing_since:
        shape = '{} <span class="missing" title="Absent from what AWS listed since {}">missing</span>'
        link = markup(shape, link, absolute(row.missing_since))
    return markup('{}<br><span class="id quiet">{}</span>', link, below) if below else link


def account(row: CoveredResource, sheet: Sheet) -> SafeString:
    name = sheet.names.get(row.account_id, "")
    return sheet.once(("account", row.account_id), lambda: draw_account(row.account_id, name))


def region(row: CoveredResource, sheet: Sheet) -> SafeString:
    """The Region; marked where its rows of this type are older than they should be."""
    old = sheet.freshness.old_since
    key = (row.region, row.resource_type)
    return markup("{} {}", row.region, old_mark(old[key], sheet.now)) if key in old else markup("{}", row.region)


def old_mark(as_of: datetime | None, now: datetime) -> SafeString:
    words = f"As of {clock(as_of, now)}: not read since" if as_of else "Not read completely yet"
    return markup('<span class="old" role="img" aria-label="{}" title="{}">◷</span>', words, words)


def draw_status(status: Status) -> SafeString:
    """The label with its mark, which differs by shape as well as by colour; the detail that tells alike ones apart."""
    if status.detail and status.detail != status.label:
        return draw_label(status) + markup('<br><small class="inset quiet">{}</small>', status.detail)
    return draw_label(status)


def draw_label(status: Status) -> SafeString:
    mark = MARKS.get(Kind(status.kind), "bad") if status.kind in Kind else "bad"
    return markup('<span class="status {}">{}</span>', mark, status.label)


def status(row: CoveredResource, sheet: Sheet) -> SafeString:
    """The status, with what it means and what to do one click away: in words where there is something to do."""
    key = ("status", row.resource_type, row.status_code, row.status_reason, row.scan_frequency)
    return sheet.once(key, lambda: _status_with_link(row.status, sheet))


def _status_with_link(shown: Status, sheet: Sheet) -> SafeString:
    address = sheet.explained_at + changed(sheet.query, {"about": shown.key})
    asked, words, css = ("What to do", "What to do", "") if shown.action else ("What it means", "?", " mark")
    link = markup(
        '<a class="about{}" href="{}"{} aria-label="{}: {}"{}>{}</a>',
        css,
        address,
        "" if sheet.explained_at else markup(OPEN_PANEL, address),
        asked,
        shown.label,
        CURRENT if shown.key == sheet.about else "",
        words,
    )
    return markup("{} {}", draw_status(shown), link)


CURRENT = markup(' aria-current="{}"', "true")
OPEN_PANEL = ' hx-get="{}" hx-target="#about" hx-select="#about" hx-swap="outerHTML" hx-push-url="true"'


def not_scanned_for(row: CoveredResource, sheet: Sheet) -> SafeString:
    """How long a resource has not been scanned. Never scanned: as long as we have known it."""
    if row.is_covered:
        return NOTHING
    since = row.not_scanned_since
    words, lead = ("Last scanned", "") if row.was_scanned else ("Never scanned; seen by this dashboard since", "≥ ")
    return markup('<span title="{} {}">{}{}</span>', words, absolute(since), lead, age_words(sheet.now - since))


def last_scanned(row: CoveredResource, sheet: Sheet) -> SafeString:
    return draw_time(row.last_scanned_at, sheet.now)


def operating_system(row: CoveredResource, sheet: Sheet) -> SafeString:
    return markup("{}", platform_label(row.platform))


def platform_label(value: str) -> str:
    """LINUX as “Linux”, and what findings say more exactly: AMAZON_LINUX_2023 as “Amazon Linux 2023”."""
    if not value or value in Platform:
        return str(Platform(value or Platform.UNKNOWN).label)
    words = value.split("_")
    numbers = [word for word in words if word.isdigit()]
    names = words[: len(words) - len(numbers)]
    if names + numbers != words or not all(name in PLATFORM_WORDS for name in names):
        return value
    return " ".join([*(PLATFORM_WORDS[name] for name in names), ".".join(numbers)]).strip()


PLATFORM_WORDS = {name.upper(): name for name in ("Amazon", "Linux", "Ubuntu", "Windows", "Server", "Debian", "Oracle")}
PLATFORM_WORDS |= {name.upper(): name for name in ("macOS", "CentOS", "RHEL", "SLES", "SUSE", "Alpine", "Rocky")}
PLATFORM_WORDS |= {"ALMALINUX": "AlmaLinux", "FEDORA": "Fedora", "BOTTLEROCKET": "Bottlerocket", "AL": "Amazon Linux"}


def monitored_using(row: CoveredResource, sheet: Sheet) -> SafeString:
    if not row.scan_mode:
        return NOTHING
    label = str(ScanMode(row.scan_mode).label) if row.scan_mode in ScanMode else row.scan_mode
    method, bracket, by = label.partition(" (")
    return markup('{} <span class="line">({}</span>', method, by) if bracket else markup("{}", label)


def tags(row: CoveredResource, sheet: Sheet) -> SafeString:
    return draw_tags(row.tags, excluding=EXCLUDING_TAGS, most=TAGS_IN_A_CELL)


def repository_name(row: CoveredResource, sheet: Sheet) -> SafeString:
    return markup("{}", row.name) if row.name else NOTHING


def fact(*path: str) -> Any:
    """The cell that shows one value of AWS' resourceMetadata."""

    def draw(row: CoveredResource, sheet: Sheet) -> SafeString:
        value = metadata_value(row, *path)
        return NOTHING if value in (None, "", [], {}) else markup("{}", value_label(path[-1], str(value)))

    return draw


VALUES: Mapping[str, type[TextChoices]] = {
    "providerType": CodeProvider,
    "scanFrequency": ScanFrequency,
    "type": ResourceType,
    "vendorSeverity": Severity,
}
"""AWS' keys whose values are enums."""


def value_label(key: str, value: str) -> str:
    """One of AWS' enum values in words; anything else as it is."""
    enum = VALUES.get(key)
    return str(enum(value).label) if enum and value in enum else value


def metadata_value(row: CoveredResource, *path: str) -> Any:
    value: Any = row.metadata
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def commit(row: CoveredResource, sheet: Sheet) -> SafeString:
    """The commit that was scanned last, as short as people write it."""
    value = str(metadata_value(row, "codeRepository", "lastScannedCommitId") or "")
    return markup('<span class="id" title="{}">{}</span>', value, value[:SHORT_DIGEST]) if value else NOTHING


def runtime(row: CoveredResource, sheet: Sheet) -> SafeString:
    value = metadata_value(row, "lambdaFunction", "runtime")
    return markup("{}", runtime_label(value)) if isinstance(value, str) and value else NOTHING


def runtime_label(value: str) -> str:
    """AWS' NODEJS_22_X and PYTHON_3_13 as people write them."""
    language, _, version = value.partition("_")
    if not version or value == "UNSUPPORTED":
        return value.capitalize()
    names = {"NODEJS": "Node.js", "JAVA": "Java", "PYTHON": "Python", "GO": "Go", "RUBY": "Ruby"}
    names |= {"DOTNET": ".NET", "DOTNETCORE": ".NET Core"}
    if language not in names:
        return value
    written = version.replace("_AL2", " (AL2)").replace("_", ".").lower().replace("(al2)", "(AL2)")
    return f"{names[language]} {written}"


def resource_type(row: CoveredResource, sheet: Sheet) -> SafeString:
    return markup("{}", row.type_label)


def scan_type(row: CoveredResource, sheet: Sheet) -> SafeString:
    return markup("{}", row.scan_type_label)


def findings(row: CoveredResource, sheet: Sheet) -> SafeString:
    """Active findings by severity, with the age of their evidence. Unknown is never 0."""
    return draw_findings(row, sheet.counts_of(row), sheet)


def draw_findings(row: CoveredResource, counts: dict[str, int], sheet: Sheet) -> SafeString:
    if not sheet.freshness.findings_are_known(row.region):
        return markup('<span class="quiet">{}</span>', "not read yet")
    is_any = any(counts.values())
    if row.is_covered and not is_any and not row.was_scanned and row.kind == Kind.WAITING:
        return markup('<span class="quiet">{}</span>', "not scanned yet")
    if row.is_monitored:
        as_of = sheet.freshness.findings_as_of(row.region)
        mark = markup(" {}", old_mark(as_of, sheet.now)) if as_of else SafeString("")
        return draw_severities(counts, aged=bool(as_of)) + mark
    if row.last_scanned_at is None:
        if not is_any:
            return markup('<span class="quiet">{}</span>', "never scanned")
        return draw_severities(counts, aged=True) + markup('<br><small class="quiet">{}</small>', "never fully scanned")
    evidence = ago(row.last_scanned_at, sheet.now)
    if not is_any:
        return markup('<span class="quiet">none,<br>as of {}</span>', evidence)
    return draw_severities(counts, aged=True) + markup('<br><small class="quiet">as of {}</small>', evidence)
