"""What the page of one finding shows: AWS' words in the order in which people ask, and whatever else AWS says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils.safestring import SafeString

from aws.decoding import read_time
from coverage_site.drawing import NOTHING, absolute, draw_full_time, draw_link
from scanning.choices import FindingStatus, FindingType
from scanning.columns import old_mark
from scanning.facts import draw_facts, draw_value
from scanning.freshness import Freshness
from scanning.models import CoveredResource, Finding

Told = Mapping[str, "Told"] | None
WHOLE: Told = None
TOLD: Told = {
    **dict.fromkeys(("findingArn", "awsAccountId", "type", "description", "title", "severity", "status", "resources")),
    **dict.fromkeys(("firstObservedAt", "lastObservedAt", "updatedAt", "inspectorScore")),
    **dict.fromkeys(("fixAvailable", "exploitAvailable")),
    "remediation": {"recommendation": dict.fromkeys(("text", "Url", "url"))},
    "inspectorScoreDetails": {
        "adjustedCvss": {
            **dict.fromkeys(("scoreSource", "cvssSource", "version", "score", "scoringVector")),
            "adjustments": dict.fromkeys(("metric", "reason")),
        }
    },
    "exploitabilityDetails": {"lastKnownExploitAt": WHOLE},
    "epss": {"score": WHOLE},
    "packageVulnerabilityDetails": {
        **dict.fromkeys(("vulnerabilityId", "source", "sourceUrl", "vulnerablePackages", "relatedVulnerabilities")),
        **dict.fromkeys(("vendorSeverity", "vendorCreatedAt", "vendorUpdatedAt", "referenceUrls")),
        "cvss": dict.fromkeys(("baseScore", "scoringVector", "version", "source")),
    },
    "networkReachabilityDetails": {
        "openPortRange": dict.fromkeys(("begin", "end")),
        "protocol": WHOLE,
        "networkPath": {"steps": dict.fromkeys(("componentId", "componentType", "componentArn"))},
    },
    "codeVulnerabilityDetails": {
        "filePath": dict.fromkeys(("fileName", "filePath", "startLine", "endLine")),
        **dict.fromkeys(("detectorId", "detectorName", "cwes", "detectorTags", "referenceUrls", "ruleId")),
        "sourceLambdaLayerArn": WHOLE,
    },
}
"""What the page tells in a place of its own. What is not here is told under “More that AWS says”."""
PACKAGE_COLUMNS = {"name", "version", "fixedInVersion", "packageManager", "filePath", "remediation"}
YES_NO = {"YES": "Yes", "NO": "No", "PARTIAL": "Partly"}
NO_VERSION = {"", "NotAvailable"}


@dataclass(frozen=True)
class VulnerablePackage:
    name: str
    installed: str
    fixed: str
    manager: str
    path: str
    remediation: str
    more: SafeString


@dataclass(frozen=True)
class Score:
    source: str
    version: str
    score: str
    vector: str
    cvss_source: str = ""
    """Whose CVSS Inspector adjusted, where that is not the source of the score."""


@dataclass(frozen=True)
class Step:
    kind: str
    id: str
    arn: str


class FindingDetails:
    """A finding as its page asks for it. Nothing here relies on a key to be there, or to be of the right type."""

    def __init__(self, finding: Finding, rows: Sequence[CoveredResource], freshness: Freshness) -> None:
        self.finding = finding
        self.row = next((row for row in rows if row.scan_type == finding.scan_type), None)
        self.freshness = freshness
        self.detail: dict[str, Any] = _dict(finding.detail)

    # --- How much it still says

    @property
    def standing(self) -> str:
        """That it is over, or rests on an old scan, in one sentence."""
        finding = self.finding
        if finding.gone_at:
            return f"Gone: AWS has not listed this finding since {absolute(finding.gone_at)}."
        if finding.status == FindingStatus.CLOSED:
            return "Closed: AWS found that it does not apply any more, or that its resource is gone."
        if finding.status == FindingStatus.SUPPRESSED:
            return "Suppressed: a suppression rule hides it from the lists of AWS."
        if self.row is not None and self.row.is_covered and self.row.is_scanned_once:
            at = f", on {absolute(self.row.last_scanned_at)}" if self.row.last_scanned_at else ""
            return f"Its image was scanned once, when it was pushed{at}: whether this still applies is not known."
        if self.row is not None and not self.row.is_covered:
            seen = f"since {absolute(self.row.last_scanned_at)}" if self.row.last_scanned_at else "as far as is known"
            return f"Its resource has not been scanned {seen}: whether this still applies is not known."
        as_of = self.freshness.findings_as_of(finding.region)
        return f"Shown as of {absolute(as_of)}: findings in {finding.region} have not been read since." if as_of else ""

    @property
    def old(self) -> SafeString:
        as_of = self.freshness.findings_as_of(self.finding.region)
        return old_mark(as_of, self.freshness.now) if as_of else SafeString("")

    # --- Overview

    @property
    def description(self) -> str:
        return str(self.detail.get("description") or "")

    @property
    def remediation(self) -> str:
        return str(_dict(_dict(self.detail.get("remediation")).get("recommendation")).get("text") or "")

    @property
    def remediation_link(self) -> SafeString:
        recommendation = _dict(_dict(self.detail.get("remediation")).get("recommendation"))
        url = str(recommendation.get("Url") or recommendation.get("url") or "")
        return draw_link(url) if url else SafeString("")

    def overview(self) -> list[tuple[str, object]]:
        finding, now = self.finding, self.freshness.now
        exploited = _dict(self.detail.get("exploitabilityDetails")).get("lastKnownExploitAt")
        of_packages = [
            ("Inspector score", "" if finding.score is None else f"{finding.score:g}"),
            ("EPSS", percent(finding.epss)),
            ("Exploit available", YES_NO.get(finding.exploit_available, finding.exploit_available)),
            ("Last known exploit", draw_full_time(_time(exploited), now) if exploited else ""),
            ("Fix available", YES_NO.get(finding.fix_available, finding.fix_available)),
        ]
        return [
            ("Type", finding.type_label),
            ("Status", finding.status_label),
            *((label, value or NOTHING) for label, value in of_packages if value or self.is_package),
            ("First observed", draw_full_time(finding.first_observed_at, now, "not said")),
            ("Last observed", draw_full_time(finding.last_observed_at, now, "not said")),
            ("Updated", draw_full_time(finding.updated_at, now, "not said")),
            ("Finding ARN", draw_value("findingArn", finding.finding_arn)),
        ]

    # --- Package vulnerability

    @cached_property
    def _package(self) -> dict[str, Any]:
        return _dict(self.detail.get("packageVulnerabilityDetails"))

    @property
    def is_package(self) -> bool:
        return self.finding.type == FindingType.PACKAGE_VULNERABILITY or bool(self._package)

    @property
    def vulnerability(self) -> list[tuple[str, object]]:
        package, now = self._package, self.freshness.now
        source = str(package.get("sourceUrl") or "")
        return [
            ("Vulnerability", str(package.get("vulnerabilityId") or "") or NOTHING),
            (
                "Source",
                draw_link(source, str(package.get("source") or source)) if source else package.get("source") or NOTHING,
            ),
            ("Vendor severity", draw_value("vendorSeverity", package.get("vendorSeverity"))),
            ("Published by vendor", draw_full_time(_time(package.get("vendorCreatedAt")), now, "not said")),
            ("Updated by vendor", draw_full_time(_time(package.get("vendorUpdatedAt")), now, "not said")),
            ("Related", ", ".join(map(str, _list(package.get("relatedVulnerabilities")))) or NOTHING),
        ]

    @property
    def packages(self) -> list[VulnerablePackage]:
        return [
            VulnerablePackage(
                name=str(one.get("name") or ""),
                installed=_version(one),
                fixed=self._fixed(str(one.get("fixedInVersion") or "")),
                manager=str(one.get("packageManager") or ""),
                path=str(one.get("filePath") or ""),
                remediation=str(one.get("remediation") or ""),
                more=_left_over(one, {*PACKAGE_COLUMNS, "epoch", "release"}),
            )
            for one in _dicts(self._package.get("vulnerablePackages"))
        ]

    def _fixed(self, version: str) -> str:
        if version not in NO_VERSION:
            return version
        return "none" if version or self.finding.fix_available == "NO" else "not known"

    @property
    def scores(self) -> list[Score]:
        return [_score(one, "baseScore", "source") for one in _dicts(self._package.get("cvss"))]

    @property
    def adjusted(self) -> Score | None:
        found = _dict(_dict(self.detail.get("inspectorScoreDetails")).get("adjustedCvss"))
        return _score(found, "score", "scoreSource") if found else None

    @property
    def adjustments(self) -> list[tuple[str, str]]:
        found = _dict(_dict(self.detail.get("inspectorScoreDetails")).get("adjustedCvss"))
        return [
            (str(one.get("metric") or ""), str(one.get("reason") or "")) for one in _dicts(found.get("adjustments"))
        ]

    @property
    def references(self) -> list[SafeString]:
        code = _dict(self.detail.get("codeVulnerabilityDetails"))
        urls = [*_list(self._package.get("referenceUrls")), *_list(code.get("referenceUrls"))]
        return [draw_link(str(url)) for url in dict.fromkeys(map(str, urls))]

    # --- Network reachability

    @cached_property
    def _network(self) -> dict[str, Any]:
        return _dict(self.detail.get("networkReachabilityDetails"))

    @property
    def is_network(self) -> bool:
        return bool(self._network)

    @property
    def ports(self) -> str:
        ports = _dict(self._network.get("openPortRange"))
        begin, end = ports.get("begin"), ports.get("end")
        which = "" if begin is None and end is None else str(begin) if begin == end else f"{begin}–{end}"
        return f"{self._network.get('protocol') or ''} {which or 'ports not given'}".strip()

    @property
    def steps(self) -> list[Step]:
        path = _dict(self._network.get("networkPath"))
        return [
            Step(
                str(one.get("componentType") or ""),
                str(one.get("componentId") or ""),
                str(one.get("componentArn") or ""),
            )
            for one in _dicts(path.get("steps"))
        ]

    # --- Code vulnerability

    @cached_property
    def _code(self) -> dict[str, Any]:
        return _dict(self.detail.get("codeVulnerabilityDetails"))

    @property
    def is_code(self) -> bool:
        return bool(self._code)

    @property
    def location(self) -> list[tuple[str, object]]:
        file = _dict(self._code.get("filePath"))
        start, end = file.get("startLine"), file.get("endLine")
        lines = str(start) if start == end else f"{start}–{end}"
        detector = str(self._code.get("detectorName") or "")
        path, name = str(file.get("filePath") or ""), str(file.get("fileName") or "")
        said = path if path.endswith(name) else f"{name} in {path}" if path else name
        return [
            ("File", draw_value("fileName", said)),
            ("Lines", lines if start is not None else NOTHING),
            ("Detector", detector or NOTHING),
            ("Detector id", draw_value("detectorId", self._code.get("detectorId"))),
            ("CWEs", ", ".join(map(str, _list(self._code.get("cwes")))) or NOTHING),
            ("Detector tags", draw_value("detectorTags", self._code.get("detectorTags"))),
            ("Rule", draw_value("ruleId", self._code.get("ruleId"))),
            ("Lambda layer", draw_value("sourceLambdaLayerArn", self._code.get("sourceLambdaLayerArn"))),
        ]

    # --- The resource as the finding describes it, and the rest

    @property
    def resources(self) -> list[SafeString]:
        return [draw_facts(one) for one in _dicts(self.detail.get("resources"))]

    @property
    def rest(self) -> SafeString:
        """What AWS says and nothing above has told: a new key must not stay invisible."""
        left = _untold(self.detail, TOLD)
        return draw_facts(left) if isinstance(left, dict) and left else SafeString("")


def _untold(value: Any, told: Told) -> Any:
    """What of a value is not told elsewhere: in the same shape, without what is; empty if nothing is left."""
    if told is None:
        return {}
    if isinstance(value, list):
        return [left for left in (_untold(one, told) for one in value) if left not in ({}, [])]
    if not isinstance(value, dict):
        return value
    left = {key: _untold(one, told[key]) if key in told else one for key, one in value.items()}
    return {key: one for key, one in left.items() if key not in told or one not in ({}, [], "", None)}


def _left_over(facts: dict[str, Any], told: Iterable[str]) -> SafeString:
    left = {key: value for key, value in facts.items() if key not in told}
    return draw_facts(left) if left else SafeString("")


def _version(package: dict[str, Any]) -> str:
    """Version and release as package managers write them: 1:2.34-5.el9."""
    epoch, version, release = (package.get(key) for key in ("epoch", "version", "release"))
    written = f"{epoch}:{version}" if epoch not in (None, 0, "", "0") else str(version or "")
    return f"{written}-{release}" if release else written


def _score(found: dict[str, Any], key: str, source_key: str) -> Score:
    score, source, cvss_source = found.get(key), str(found.get(source_key) or ""), str(found.get("cvssSource") or "")
    vector, version = str(found.get("scoringVector") or ""), str(found.get("version") or "")
    shown = "" if score is None else str(score)
    return Score(source or cvss_source, version, shown, vector, cvss_source if source != cvss_source else "")


def percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _time(value: object) -> datetime | None:
    try:
        return read_time(value)
    except ValueError:
        return None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]
