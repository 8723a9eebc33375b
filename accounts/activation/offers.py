"""What can be asked for in the cells of one account: by the preview's own rules, so that nothing is offered in vain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accounts.activation.allowed import why_not
from accounts.activation.preview import SWITCHABLE, Known, Verdict, of_cell
from accounts.choices import Action, ResourceScanType
from accounts.models import Person

PLACES_NAMED = 4


@dataclass(frozen=True)
class Offers:
    """Scan type and Region → what can be asked for there; and why nothing else can be, each reason once."""

    actions: Mapping[tuple[str, str], Action]
    reasons: tuple[str, ...]

    def everywhere(self, scan_type: str) -> list[tuple[Action, list[str]]]:
        """What can be asked for in more than one Region at once, with the Regions."""
        regions: dict[Action, list[str]] = {}
        for (name, region), action in self.actions.items():
            if name == scan_type:
                regions.setdefault(action, []).append(region)
        return [(action, where) for action, where in regions.items() if len(where) > 1]


def offers_for(person: Person, account_id: str, regions: Sequence[str]) -> Offers:
    """What this person can ask for in this account, in these Regions."""
    refused = {action: why_not(person, action) for action in Action}
    reasons = list(dict.fromkeys(why for why in refused.values() if why))
    possible = [action for action, why in refused.items() if not why]
    if not possible:
        return Offers({}, tuple(reasons))
    known = Known.of([account_id], regions)
    actions: dict[tuple[str, str], Action] = {}
    impossible: dict[str, list[str]] = {}
    for action in possible:
        for scan_type in SWITCHABLE:
            for region in regions:
                line = of_cell(action, account_id, region, scan_type, known)
                if line.verdict == Verdict.CHANGES:
                    actions[scan_type, region] = action
                elif line.verdict == Verdict.CANNOT:
                    label = ResourceScanType(scan_type).label
                    impossible.setdefault(line.why, []).append(f"{label} in {region}")
    whole = len(SWITCHABLE) * len(regions)
    return Offers(actions, (*reasons, *(_in_words(why, places, whole) for why, places in impossible.items())))


def _in_words(why: str, places: list[str], whole: int) -> str:
    if len(places) >= whole:
        return why
    more = f" and {len(places) - PLACES_NAMED} more" if len(places) > PLACES_NAMED else ""
    return f"{', '.join(places[:PLACES_NAMED])}{more}: {why}"
