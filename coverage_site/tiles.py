"""The tile of accounts, which stands before those of the coverage tabs."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from accounts.conditions import NOT_ACTIVATED
from accounts.summary import activation_summary
from coverage_site.drawing import noun_for
from coverage_site.links import changed
from scanning.frame import Frame, Tile

DEFINITION = (
    "Accounts in which no scan type is activated in any Region read here. An account counts as activated with one scan"
    " type in one Region. Accounts that are not members, or are suspended, are counted beside them."
)


def accounts_tiles(frame: Frame) -> list[Tile]:
    """How many accounts are not activated, of those that could be. Of how many is not known without Organizations."""
    if frame.person is None:
        return []
    regions = frame.regions_chosen or list(settings.COVERAGE_REGIONS)
    found = activation_summary(frame.person, regions, frame.accounts_chosen or None)
    beside = [
        f"{count:,} {words}"
        for count, words in ((found.not_members, "not in Inspector"), (found.suspended, "suspended"))
        if count
    ]
    members = noun_for(found.listed, "members")
    of = f"of {found.listed:,} {members if found.denominator_known else 'known, total not known'}"
    can_divide = bool(found.listed) and found.denominator_known
    share = 100 * found.activated // found.listed if can_divide else None
    return [
        Tile(
            key="accounts-tile",
            address=reverse("accounts") + changed(frame.shared_query, {"group": NOT_ACTIVATED}),
            number=f"{found.not_activated:,}" if found.listed else "—",
            label=f"{noun_for(found.not_activated if found.listed else 0, 'accounts')} not activated",
            note=" · ".join([of if found.listed else "none read yet", *beside]),
            share=share,
            share_label=f"{share} percent activated",
            definition=DEFINITION,
        )
    ]
