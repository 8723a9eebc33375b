"""What a plan costs or saves, where AWS gives usage: its own estimates, never more exact than they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from accounts.activation.preview import Preview
from accounts.choices import Action, ResourceScanType, Status
from accounts.models import MEMBERSHIP, AccountUsage, Person, ScanTypeStatus

PREFIXES = {
    "EC2_AMI": ResourceScanType.AMI,
    "EC2": ResourceScanType.EC2,
    "ECR": ResourceScanType.ECR,
    "LAMBDA_FUNCTION_CODE": ResourceScanType.LAMBDA_CODE,
    "LAMBDA_FUNCTION": ResourceScanType.LAMBDA,
    "CODE_REPOSITORY": ResourceScanType.CODE_REPOSITORY,
}
"""How AWS' usage types begin → the scan type that they are of; the longer beginning first."""

Place = tuple[str, str, str]
"""Account, Region, scan type."""


@dataclass
class Costs:
    """Sentences, one for each scan type, and as of when AWS' figures are."""

    told: list[str] = field(default_factory=list)
    as_of: datetime | None = None


def scan_type_of(usage_type: str) -> str:
    """The scan type of a usage type; empty for what we do not know, and for other clouds."""
    return next((scan_type.value for start, scan_type in PREFIXES.items() if usage_type.startswith(start)), "")


def costs_of(person: Person, seen: Preview) -> Costs:
    """Deactivating: what AWS estimates for exactly these places. Activating: what it costs where it is on already.

    Only of accounts that this person sees. Where AWS gives no usage, that is said, and is not 0.
    """
    places: dict[str, list[Place]] = {line.scan_type: [] for line in seen.sent if line.scan_type != MEMBERSHIP}
    for line in seen.sent:
        if line.scan_type in places:
            places[line.scan_type].append((line.account_id, line.region, line.scan_type))
    if not places:
        return Costs()
    rows = list(AccountUsage.objects.visible_to(person).in_regions(list(seen.wish.regions)))
    costs, currency = _costs(rows)
    if seen.wish.action == Action.ACTIVATE:
        costs = _of_what_is_on(person, seen, costs, set(places))
    said = _saved if seen.wish.action == Action.DEACTIVATE else _added
    told = [said(_label(scan_type), of_type, costs, currency) for scan_type, of_type in places.items()]
    return Costs(told, min((row.read_at for row in rows), default=None))


def _label(scan_type: str) -> str:
    return str(ResourceScanType(scan_type).label)


def _costs(rows: list[AccountUsage]) -> tuple[dict[Place, float], str]:
    """Place → the estimated cost of a month, and the currency that AWS names."""
    costs: dict[Place, float] = {}
    currencies: set[str] = set()
    for row in rows:
        for one in row.usage:
            scan_type, cost = scan_type_of(str(one.get("type", ""))), one.get("estimatedMonthlyCost")
            if scan_type and isinstance(cost, int | float):
                place = (row.account_id, row.region, scan_type)
                costs[place] = costs.get(place, 0.0) + cost
                currencies.add(str(one.get("currency") or ""))
    return costs, "/".join(sorted(currencies - {""}))


def _of_what_is_on(person: Person, seen: Preview, costs: Mapping[Place, float], types: set[str]) -> dict[Place, float]:
    """The costs of places where the scan type is activated: of others, usage says nothing."""
    rows = ScanTypeStatus.objects.visible_to(person).in_regions(list(seen.wish.regions))
    on = rows.filter(status=Status.ENABLED, scan_type__in=types).values_list("account_id", "region", "scan_type")
    return {place: costs[place] for place in on if place in costs}


def _saved(label: str, places: list[Place], costs: Mapping[Place, float], currency: str) -> str:
    known = [costs[place] for place in places if place in costs]
    if not known:
        return f"{label}: AWS gives no usage."
    rest = f" AWS gives no usage for the other {len(places) - len(known):,}." if len(known) < len(places) else ""
    return f"{label}: about {_money(sum(known), currency)} a month less, in {_places(len(known))}.{rest}"


def _added(label: str, places: list[Place], costs: Mapping[Place, float], currency: str) -> str:
    scan_type = places[0][2]
    on = [cost for place, cost in costs.items() if place[2] == scan_type]
    if not on:
        return f"{label}: AWS gives no usage, because none of the accounts that you see has it activated here."
    average = sum(on) / len(on)
    total, each = _money(average * len(places), currency), _money(average, currency)
    return (
        f"{label}: about {total} a month for {_places(len(places))}, if these are like the {_places(len(on))} where it"
        f" is activated: {each} each on average."
    )


def _money(amount: float, currency: str) -> str:
    return f"{currency} {amount:,.2f}".strip()


def _places(number: int) -> str:
    return "1 place" if number == 1 else f"{number:,} places"
