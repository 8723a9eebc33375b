"""What deactivating destroys, in words, for what a preview would send."""

from __future__ import annotations

from accounts.activation.preview import Preview, is_last_type
from accounts.choices import Action, ResourceScanType
from accounts.models import ScanTypeStatus

OF_TYPE = {
    ResourceScanType.EC2: "Inspector's SSM associations and its Windows plug-in are removed from the instances.",
    ResourceScanType.ECR: "The registries go back to basic scanning.",
    ResourceScanType.LAMBDA: "Lambda code scanning ends together with Lambda standard scanning.",
    ResourceScanType.CODE_REPOSITORY: "The integrations with code repositories are deleted.",
}


def losses_of(seen: Preview) -> list[str]:
    """Sentences; empty when activating."""
    if seen.wish.action == Action.ACTIVATE or not seen.sent:
        return []
    types = {line.scan_type for line in seen.sent}
    told = ["Every finding of these scan types is deleted by AWS. Export them first if you may need them."]
    told += [words for scan_type, words in OF_TYPE.items() if scan_type.value in types]
    if places := _switched_off(seen):
        where = f"{places:,} place" + ("" if places == 1 else "s")
        told.append(
            f"In {where} (account and Region) it is the last scan type: Inspector itself is deactivated there, with its"
            " filters and suppression rules."
        )
    return told


def _switched_off(seen: Preview) -> int:
    """Accounts and Regions in which nothing would be left on."""
    places: dict[tuple[str, str], list[object]] = {}
    for line in seen.sent:
        places.setdefault((line.account_id, line.region), []).append(line)
    ids = {account_id for account_id, _ in places}
    statuses = {
        (row.account_id, row.region, row.scan_type): row.status
        for row in ScanTypeStatus.objects.filter(account_id__in=ids, region__in=seen.wish.regions)
    }
    return sum(
        is_last_type(seen.wish, lines, account_id, region, statuses)  # type: ignore[arg-type]
        for (account_id, region), lines in places.items()
    )
