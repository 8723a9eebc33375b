"""Which resource types of a Region are read, and how many rows AWS announces for each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from accounts.inspector import who_am_i
from aws import session
from aws.choices import RunOutcome, ScopeState, What
from aws.errors import EXPIRED, NOT_OPTED_IN, ReadError
from aws.models import SyncRun, SyncScope
from aws.runs import Run, fail_scope, run_scope, unless_running
from scanning import inspector
from scanning.choices import STATISTICS, ResourceType
from scanning.tabs import TABS

REFUSED = NOT_OPTED_IN | EXPIRED
"""Error codes that are about the credentials, whatever is asked for with them."""
AT_LEAST = (*(kind for tab in TABS if tab.is_of_console for kind in tab.resource_types), ResourceType.AWS_ACCOUNT)


def plan_coverage(region: str) -> tuple[SyncRun, dict[str, int | None]]:
    """Ask AWS which resource types the Region has: resource type → rows announced (None: not known).

    Types that AWS lists and we do not know are read all the same. If the statistics cannot be read, what was read
    before is read without them, at least the types of the console's tabs: one denied operation must not hide the rest.
    """
    totals: dict[str, int] = {}

    def read(run: Run) -> None:
        client = session.inspector(region)
        caller = who_am_i(session.sts(region), client)
        run.seen_by(caller.account_id, caller.kind)
        totals.update(inspector.coverage_totals(client))
        run.counts.read = sum(totals.values())

    run = run_scope(What.COVERAGE, region, STATISTICS, read)
    if run.outcome == RunOutcome.SKIPPED:
        _skip_all(region, run)
        return run, {}
    if run.outcome == RunOutcome.FAILED and run.error_code in REFUSED:
        _fail_all(region, run)
        return run, {}
    if run.outcome == RunOutcome.COMPLETE:
        return run, {**dict.fromkeys(sorted(_read_before(region)), 0), **dict(sorted(totals.items()))}
    return run, dict.fromkeys(sorted({*AT_LEAST, *_read_before(region)}))


def _skip_all(region: str, run: SyncRun) -> None:
    """Nothing more is read in a Region that is switched off: what was read there is then not late, but not offered."""
    others = SyncScope.objects.of(What.COVERAGE).filter(region=region).exclude(part=STATISTICS)
    others.update(state=ScopeState.SKIPPED, failing_since=None, error=run.scope.error, error_code=run.scope.error_code)


def _fail_all(region: str, run: SyncRun) -> None:
    """Nothing more is tried with credentials that AWS does not accept: each piece would only be told the same."""
    refused = ReadError(run.error, code=run.error_code, request_id=run.error_request_id)
    for part in sorted({*AT_LEAST, *_read_before(region)}):
        unless_running(partial(fail_scope, What.COVERAGE, region, part, refused))


def _read_before(region: str) -> Iterable[str]:
    scopes = SyncScope.objects.of(What.COVERAGE).filter(region=region).exclude(part=STATISTICS)
    return scopes.values_list("part", flat=True)
