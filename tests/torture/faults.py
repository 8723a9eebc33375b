"""Every kind of fault, at every position, of every operation: one read with it, one clean read, and the questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accounts.sync import sync_accounts, sync_organization
from aws import session
from aws.choices import RunOutcome
from aws.models import SyncRun, SyncScope
from scanning import inspector
from scanning.choices import ResourceType
from scanning.finding_sync import sync_findings
from scanning.plan import plan_coverage
from scanning.sync import sync_coverage
from tests.torture.machine import REGIONS

if TYPE_CHECKING:
    from tests.torture.run import Torture

REGION = REGIONS[0]
INSTANCES = ResourceType.AWS_EC2_INSTANCE.value
COMPLETE, FAILED = RunOutcome.COMPLETE.value, RunOutcome.FAILED.value
HELD, SKIPPED = RunOutcome.HELD.value, RunOutcome.SKIPPED.value
EVER = 400
"""A fault that lasts hits this many calls."""


@dataclass(frozen=True)
class Kind:
    """One kind of fault: the entry of the script, whether it lasts, and how the read may end."""

    name: str
    entry: dict[str, Any]
    may_end: frozenset[str]
    lasts: bool = False
    on_wire: bool = False
    only: tuple[str, ...] = ()
    is_slow: bool = False


def _kinds() -> list[Kind]:
    fails, passes = frozenset({FAILED}), frozenset({COMPLETE})
    either = fails | passes
    found = []
    for code in ("AccessDeniedException", "ResourceNotFoundException", "BadRequestException", "ConflictException"):
        found.append(Kind(code, {"code": code}, either, lasts=True))
    scp = "User is not authorized to perform: x with an explicit deny in a service control policy"
    found += [
        Kind("denied by an SCP", {"code": "AccessDeniedException", "message": scp}, either, lasts=True),
        Kind("ValidationException", {"code": "ValidationException"}, either, lasts=True),
        Kind("the page token expired", {"code": "ValidationException", "message": "Invalid nextToken"}, either),
        Kind("ExpiredToken, once", {"code": "ExpiredTokenException"}, either),
        Kind("ExpiredToken, for good", {"code": "ExpiredTokenException"}, fails, lasts=True),
        Kind("refused here alone", {"code": "UnrecognizedClientException"}, frozenset({SKIPPED, FAILED}), lasts=True),
        Kind("throttled once", {"code": "ThrottlingException", "retry_after": 1}, passes),
        Kind("throttled for good", {"code": "ThrottlingException"}, fails, lasts=True, is_slow=True),
        Kind("an error of AWS, once", {"code": "InternalServerException"}, either),
        Kind("an error of AWS, for good", {"code": "InternalServerException"}, fails, lasts=True, is_slow=True),
        Kind("502 and HTML", {"status": 502, "body": "<html>Bad gateway</html>"}, fails, lasts=True, is_slow=True),
        Kind("503", {"status": 503, "body": ""}, fails, lasts=True, is_slow=True),
        Kind("504 once", {"status": 504, "body": ""}, passes),
        Kind("a wrong clock", {"code": "RequestTimeTooSkewed"}, fails, lasts=True),
        Kind("an empty body", {"body": "", "status": 200}, either, lasts=True),
        Kind("an empty object", {"body": "{}", "status": 200}, either, lasts=True),
        Kind("HTML", {"body": "<html>Please log in to this network</html>", "status": 200}, fails, lasts=True),
        Kind("another JSON", {"body": "[1, 2]", "status": 200}, either, lasts=True),
        Kind("a body cut once", {"edit": "cut"}, either),
        Kind("a body cut for good", {"edit": "cut"}, either, lasts=True),
    ]
    lists = ("ListCoverage", "ListFindings", "ListMembers")
    for edit, may_end in (
        ("null_rows", fails),
        ("drop_key", fails),
        ("repeat_token", either),
        ("empty_page", frozenset({COMPLETE, HELD})),
        ("end_early", frozenset({COMPLETE, HELD})),
        ("duplicate_row", passes),
        ("drop_row", passes),
        ("reverse_rows", passes),
    ):
        only = ("ListCoverage", "ListFindings") if edit in ("empty_page", "end_early", "drop_row") else lists
        found.append(
            Kind(edit.replace("_", " "), {"edit": edit}, may_end, lasts=edit in ("null_rows", "drop_key"), only=only)
        )
    rows = ("ListCoverage",)
    found += [
        Kind("NUL in a tag", {"edit": "poison", "value": "a\u0000b"}, passes, only=rows),
        Kind("a lone surrogate in a tag", {"edit": "poison", "value": "a\ud800b"}, passes, only=rows),
        Kind("10 KB in a tag", {"edit": "poison", "value": "x" * 10_000}, passes, only=rows),
        Kind("right to left in a tag", {"edit": "poison", "value": "\u202eabc\U0001f4a5"}, passes, only=rows),
        Kind("an unknown reason", {"edit": "unknown_reason", "value": "BRAND_NEW"}, passes, only=rows),
        Kind("an unknown code", {"edit": "unknown_code", "value": "ASLEEP"}, passes, only=rows),
        Kind("a time nobody can read", {"edit": "bad_time", "value": "yesterday"}, passes, only=rows),
        Kind("a time out of range", {"edit": "bad_time", "value": 1e18}, passes, only=rows),
        Kind("a page token of 1 MB", {"edit": "set_token", "value": "t" * 1_000_000}, either, only=lists),
    ]
    for kind in ("reset_before", "reset_after", "reset_middle", "close", "cut", "cut_short", "cut_unsaid", "empty"):
        # Cut without a word, a small object may still be read as an empty one.
        found.append(Kind(f"wire: {kind} once", {"kind": kind}, either, on_wire=True))
        slow = kind in ("reset_before", "reset_after", "reset_middle", "close", "cut_short")
        found.append(Kind(f"wire: {kind} for good", {"kind": kind}, either, lasts=True, on_wire=True, is_slow=slow))
    found += [
        Kind("wire: refuse", {"kind": "refuse", "seconds": 0.3}, either, on_wire=True),
        Kind("wire: HTML", {"kind": "html"}, fails, lasts=True, on_wire=True),
        Kind("wire: HTML once", {"kind": "html"}, either, on_wire=True),
        Kind("wire: redirect", {"kind": "redirect"}, fails, lasts=True, on_wire=True),
        Kind("wire: garbage once", {"kind": "garbage"}, either, on_wire=True),
        Kind("wire: garbage", {"kind": "garbage"}, either, lasts=True, on_wire=True, is_slow=True),
        Kind("wire: latency", {"kind": "latency", "seconds": 0.3}, passes, on_wire=True),
        Kind("wire: hang once", {"kind": "hang", "seconds": 5}, either, on_wire=True, is_slow=True),
        Kind("wire: drip once", {"kind": "drip", "seconds": 1}, either, on_wire=True, is_slow=True),
    ]
    return found


@dataclass(frozen=True)
class Read:
    """A read and the calls in it that can be hit: operation → positions."""

    name: str
    operations: dict[str, tuple[int, ...]]
    run: Callable[[], SyncRun]


def announced(region: str = REGION, resource_type: str = INSTANCES) -> int:
    return inspector.coverage_totals(session.inspector(region)).get(resource_type, 0)


class Faults:
    def __init__(self, torture: Torture) -> None:
        self.torture, self.machine = torture, torture.machine
        self.world, self.tally, self.random = torture.world, torture.tally, torture.random
        self.expected: int | None = None

    def begin(self) -> None:
        """The first sync of everything: from here on there is something to lose."""
        self.machine.heal()
        sync_organization()
        for region in REGIONS:
            sync_accounts(region)
            _, parts = plan_coverage(region)
            for part, expected in parts.items():
                sync_coverage(region, part, expected)
            sync_findings(region)
        self.world.remember()
        self.world.check("the first sync", is_clean=True)

    def reads(self) -> list[Read]:
        who = {"GetCallerIdentity": (1,), "GetDelegatedAdminAccount": (1,)}
        return [
            Read(
                "coverage",
                {"ListCoverage": (1, 2, 3, 6), **who},
                lambda: sync_coverage(REGION, INSTANCES, self.expected),
            ),
            Read("plan", {"ListCoverageStatistics": (1,), **who}, lambda: plan_coverage(REGION)[0]),
            Read("findings", {"ListFindings": (1, 2, 5), **who}, self._full_findings),
            Read(
                "accounts",
                {
                    "ListMembers": (1, 2, 3),
                    "BatchGetAccountStatus": (1, 2),
                    "DescribeOrganizationConfiguration": (1,),
                    "GetConfiguration": (1,),
                    **who,
                },
                lambda: sync_accounts(REGION),
            ),
            Read("organization", {"ListAccounts": (1,), "GetCallerIdentity": (1,)}, sync_organization),
        ]

    def _full_findings(self) -> SyncRun:
        SyncScope.objects.filter(what="findings", region=REGION).update(last_full_at=None)
        return sync_findings(REGION)

    def run(self) -> None:
        cases = [
            (read, operation, position, kind)
            for read in self.reads()
            for operation, positions in read.operations.items()
            for position in positions
            for kind in _kinds()
            if not kind.only or operation in kind.only
        ]
        self.random.shuffle(cases)
        volume = self.torture.volume(45, 280)
        # The slow ones take seconds each: a few of them.
        slow = [case for case in cases if case[3].is_slow][: max(3, volume // 12)]
        chosen = [case for case in cases if not case[3].is_slow][: volume - len(slow)] + slow
        for number, case in enumerate(chosen):
            if number % 10 == 9:
                self._let_time_pass()
            self.one(*case)
        self.tally.notes.append(f"{len(chosen)} of the {len(cases)} combinations of fault, operation and position")

    def _let_time_pass(self) -> None:
        """Things come, change and go at AWS, and we read them, so that there is something to write and to sweep."""
        self.machine.control("tick", {"times": 3}, "POST")

    def one(self, read: Read, operation: str, position: int, kind: Kind) -> None:
        case = f"{kind.name}, {read.name}, {operation} {position}"
        self.world.remember()
        self.expected = announced()
        calls = list(range(position, position + EVER)) if kind.lasts else position
        region = None if operation == "ListAccounts" else REGION
        fault = kind.entry | {"operation": operation, "region": region, "call": calls}
        if kind.on_wire:
            self.machine.wire(fault)
        else:
            self.machine.control("faults", fault)
        run = read.run()
        if self._hits(kind):
            self.tally.faults += 1
        elif run.outcome != COMPLETE:
            self.tally.blame(case, f"ended {run.outcome} though nothing was hit: {run.error}")
        if run.outcome not in kind.may_end and self._hits(kind):
            self.tally.blame(case, f"ended {run.outcome}: {run.error}")
        self.machine.heal()
        self.world.check(f"{case} (during)")
        self.expected = announced()
        clean = read.run()
        if clean.outcome == HELD:
            # A hold that AWS' own statistics confirm at the second read.
            clean = read.run()
        if clean.outcome != COMPLETE:
            self.tally.blame(case, f"the clean read ended {clean.outcome}: {clean.error}")
        self.tally.case("a fault of AWS or the wire")
        self.world.check(f"{case} (after)")
        if self.tally.cases % 10 == 0:
            self._all_clean(case)

    def _hits(self, kind: Kind) -> bool:
        """Whether the script says that a call was hit."""
        if kind.on_wire:
            return any(fault["hits"] for fault in self.machine.wire())
        for fault in self.machine.control("faults"):
            due = fault["call"] if isinstance(fault["call"], list) else [fault["call"]]
            if fault["seen"] >= due[0]:
                return True
        return False

    def _all_clean(self, case: str) -> None:
        """Everything read without faults: equal to the truth, row for row."""
        for region in REGIONS:
            _, parts = plan_coverage(region)
            for part, expected in parts.items():
                sync_coverage(region, part, expected)
            sync_findings(region)
        self.world.check(f"{case} (all clean)", is_clean=True)
