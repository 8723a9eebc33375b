"""Each setting: what is known of it, how AWS is asked for it and told it, and what it means in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from accounts import inspector
from accounts.choices import RelationshipStatus, ResourceScanType, Setting
from accounts.models import OrganizationSettings, RegionalAccount

if TYPE_CHECKING:
    from mypy_boto3_inspector2 import Inspector2Client

Value = Mapping[str, Any]
INHERIT = "INHERIT_FROM_ADMIN"
SCAN_MODES = {
    "EC2_SSM_AGENT_BASED": "Agent-based",
    "EC2_HYBRID": "Hybrid (agent-based and agentless)",
    INHERIT: "As the administrator",
}
DURATIONS = {
    "LIFETIME": "Lifetime",
    "DAYS_180": "180 days",
    "DAYS_90": "90 days",
    "DAYS_60": "60 days",
    "DAYS_30": "30 days",
    "DAYS_14": "14 days",
    "DAYS_7": "7 days",
    "DAYS_3": "3 days",
    INHERIT: "As the administrator",
}
PULL_DURATIONS = {name: label for name, label in DURATIONS.items() if name not in {"LIFETIME", INHERIT}}
PULL_MODES = {"LAST_PULL_DATE": "Last pull", "LAST_IN_USE_AT": "Last use in a container"}
FORMER = {RelationshipStatus.REMOVED.value, RelationshipStatus.RESIGNED.value, RelationshipStatus.DELETED.value, ""}


@dataclass(frozen=True)
class Look:
    """What AWS has now. `raw` is its whole answer: who changes a part of it sends the rest along as it was."""

    value: Value
    is_pending: bool = False
    error: str = ""
    raw: dict[str, Any] = field(default_factory=dict)
    inherited: Value | None = None
    """What the administrator has, where a member may follow it."""


@dataclass(frozen=True)
class Sent:
    """AWS took the change, or refused it in these words."""

    request_id: str
    refused: str = ""


class Kind:
    """One setting. A value is a flat dict in AWS' own words, so that it can be stored and compared."""

    setting: Setting
    labels: Mapping[str, str] = {}
    """Part of the value → what people call it."""

    def stored(self, region: str, account_id: str) -> Value | None:
        """As last read; None if it is not known."""
        if account_id:
            return self.of_account(RegionalAccount.objects.filter(region=region, account_id=account_id).first())
        return self.of_organization(OrganizationSettings.objects.filter(region=region).first())

    def of_organization(self, row: OrganizationSettings | None) -> Value | None:
        return None

    def of_account(self, row: RegionalAccount | None) -> Value | None:
        return None

    def look(self, client: Inspector2Client, account_id: str) -> Look:
        raise NotImplementedError

    def send(self, client: Inspector2Client, account_id: str, now: Look, wanted: Value) -> Sent:
        raise NotImplementedError

    def is_so(self, now: Look, wanted: Value) -> bool:
        return all(now.value.get(name) == value for name, value in wanted.items())

    def is_destructive(self, wanted: Value) -> bool:
        """Whether it takes coverage away at once: it needs the switch of deactivation, a reason and a typed word."""
        return False

    def choices(self, account_id: str) -> Mapping[str, Mapping[str, str]]:
        """Part of the value → what can be chosen for it (AWS' word → label). Nothing where there is no choice."""
        return {}

    def meaning(self, account_id: str) -> str:
        """What the setting does, in one or two sentences."""
        raise NotImplementedError

    def losses(self, before: Value, wanted: Value) -> list[str]:
        return []

    def words(self, value: Value) -> list[tuple[str, str]]:
        """Each part of a value as people read it: (what, how)."""
        return [(self.labels.get(name, name), self.word(name, value[name])) for name in self.parts(value)]

    def parts(self, value: Value) -> list[str]:
        return [*(name for name in self.labels if name in value), *sorted(set(value).difference(self.labels))]

    def word(self, name: str, value: Any) -> str:
        return "not known" if value in {None, ""} else str(self.choices("-").get(name, {}).get(str(value), value))

    def sentence(self, value: Value) -> str:
        return ", ".join(f"{what}: {how}" for what, how in self.words(value))


class AutomaticActivation(Kind):
    setting = Setting.AUTOMATIC_ACTIVATION
    labels = {scan_type.key: str(scan_type.label) for scan_type in ResourceScanType}

    def of_organization(self, row: OrganizationSettings | None) -> Value | None:
        return row.auto_enable if row and row.auto_enable else None

    def look(self, client: Inspector2Client, account_id: str) -> Look:
        auto_enable, limit_reached = inspector.organization_configuration(client)
        return Look(auto_enable, raw={"limit_reached": limit_reached})

    def send(self, client: Inspector2Client, account_id: str, now: Look, wanted: Value) -> Sent:
        return Sent(inspector.set_automatic_activation(client, {**now.value, **wanted}))

    def choices(self, account_id: str) -> Mapping[str, Mapping[str, str]]:
        # Machine images are shown as AWS reports them: the API activates them in no account.
        return {name: ON_OFF for name in self.labels if name != ResourceScanType.AMI.key}

    def word(self, name: str, value: Any) -> str:
        return "on" if value else "off"

    def meaning(self, account_id: str) -> str:
        return (
            "What accounts start with that are associated from now on, in this Region. "
            "Accounts that are members already are not changed."
        )

    def losses(self, before: Value, wanted: Value) -> list[str]:
        off = [self.labels.get(name, name) for name in self.parts(wanted) if before.get(name) and not wanted[name]]
        return [f"New members start without {', '.join(off)}: somebody has to activate it there."] if off else []


ON_OFF = {"on": "on", "off": "off"}


class Configured(Kind):
    """A part of AWS' GetConfiguration, of the administrator or of one member."""

    member = ""

    def of_organization(self, row: OrganizationSettings | None) -> Value | None:
        return self._known(row.configuration if row else {})

    def of_account(self, row: RegionalAccount | None) -> Value | None:
        return self._known(row.configuration if row else {})

    def _known(self, raw: Mapping[str, Any]) -> Value | None:
        value = self.value_of(raw)
        return value if any(value.values()) else None

    def value_of(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        state = self.state_of(raw)
        return {name: state.get(name) or "" for name in self.labels}

    def state_of(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotImplementedError

    def status_of(self, raw: Mapping[str, Any]) -> str:
        raise NotImplementedError

    def configured(self, now: Look, wanted: Value) -> dict[str, Any]:
        """What UpdateConfiguration takes for this part, with what nobody asked to change as it was."""
        raise NotImplementedError

    def look(self, client: Inspector2Client, account_id: str) -> Look:
        raw = inspector.configuration(client, account_id)
        status = self.status_of(raw)
        return Look(
            self.value_of(raw),
            is_pending=status == "PENDING",
            error="AWS could not apply it (FAILED)." if status == "FAILED" else "",
            raw=raw,
            inherited=self.value_of(inspector.configuration(client)) if account_id else None,
        )

    def follows(self, wanted: Value) -> bool:
        return INHERIT in wanted.values()

    def is_so(self, now: Look, wanted: Value) -> bool:
        return now.value == now.inherited if self.follows(wanted) else super().is_so(now, wanted)

    def send(self, client: Inspector2Client, account_id: str, now: Look, wanted: Value) -> Sent:
        if self.follows(wanted):
            change = {"updateConfigurationInheritance": {self.member: INHERIT}}
        else:
            change = {self.member: self.configured(now, wanted)}
        return Sent(inspector.configure(client, account_id, change))

    def whose(self, account_id: str) -> str:
        if account_id:
            return "Of this member alone, whatever the administrator has."
        return "Of every account in this Region that has no setting of its own."


class ScanMode(Configured):
    setting = Setting.EC2_SCAN_MODE
    member = "ec2Configuration"
    labels = {"scanMode": "EC2 scan mode"}

    def state_of(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return (raw.get(self.member) or {}).get("scanModeState") or {}

    def status_of(self, raw: Mapping[str, Any]) -> str:
        return str(self.state_of(raw).get("scanModeStatus") or "")

    def configured(self, now: Look, wanted: Value) -> dict[str, Any]:
        scanner = (now.raw.get(self.member) or {}).get("vmScannerState") or {}
        kept = {"activateVMScanner": bool(scanner["activated"])} if "activated" in scanner else {}
        return {"scanMode": wanted["scanMode"], **kept}

    def choices(self, account_id: str) -> Mapping[str, Mapping[str, str]]:
        return {"scanMode": {name: label for name, label in SCAN_MODES.items() if account_id or name != INHERIT}}

    def meaning(self, account_id: str) -> str:
        return (
            "Agent-based scans instances with the SSM agent. Hybrid also scans the volumes of instances without it. "
            + self.whose(account_id)
        )

    def losses(self, before: Value, wanted: Value) -> list[str]:
        if before.get("scanMode") == "EC2_HYBRID" and wanted.get("scanMode") != "EC2_HYBRID":
            return ["Instances without the SSM agent are not scanned any more where the mode becomes agent-based."]
        return []


class Durations(Configured):
    setting = Setting.ECR_DURATIONS
    member = "ecrConfiguration"
    labels = {
        "rescanDuration": "Scanned again after the push for",
        "pullDateRescanDuration": "and after the last pull or use for",
        "pullDateRescanMode": "counted from",
    }

    def state_of(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return (raw.get(self.member) or {}).get("rescanDurationState") or {}

    def status_of(self, raw: Mapping[str, Any]) -> str:
        return str(self.state_of(raw).get("status") or "")

    def configured(self, now: Look, wanted: Value) -> dict[str, Any]:
        return {name: value for name, value in {**now.value, **wanted}.items() if value}

    def choices(self, account_id: str) -> Mapping[str, Mapping[str, str]]:
        return {
            "rescanDuration": {name: label for name, label in DURATIONS.items() if account_id or name != INHERIT},
            "pullDateRescanDuration": PULL_DURATIONS,
            "pullDateRescanMode": PULL_MODES,
        }

    def meaning(self, account_id: str) -> str:
        return (
            "How long Inspector scans an image again when new vulnerabilities become known, counted from its push and "
            "from its last pull or use. " + self.whose(account_id)
        )

    def losses(self, before: Value, wanted: Value) -> list[str]:
        order = list(DURATIONS)
        shorter = [
            name
            for name in ("rescanDuration", "pullDateRescanDuration")
            if before.get(name) in order and wanted.get(name) in order and wanted[name] != INHERIT
            if order.index(wanted[name]) > order.index(before[name])
        ]
        told = ["A longer duration does not bring back images that are not scanned any more."]
        if shorter:
            told.insert(0, "Images that are older than that are not scanned any more.")
        return told


class DeepInspection(Kind):
    setting = Setting.DEEP_INSPECTION
    labels = {"status": "Deep inspection"}
    words_of = {
        "ACTIVATED": "Activated",
        "DEACTIVATED": "Deactivated",
        "PENDING": "Being changed",
        "FAILED": "Failed",
    }

    def of_account(self, row: RegionalAccount | None) -> Value | None:
        return {"status": row.deep_inspection} if row and row.deep_inspection else None

    def look(self, client: Inspector2Client, account_id: str) -> Look:
        answer = inspector.deep_inspection(client, [account_id])
        if told := answer.told.get(account_id):
            status = str(told.get("status") or "")
            error = str(told.get("errorMessage") or "AWS could not apply it.") if status == "FAILED" else ""
            return Look({"status": status}, is_pending=status == "PENDING", error=error, raw=told)
        refused = answer.refused.get(account_id) or {}
        words = str(refused.get("errorMessage") or "The answer does not mention it.")
        raise inspector.NotTold(f"Inspector does not tell the deep inspection of this account. {words}")

    def send(self, client: Inspector2Client, account_id: str, now: Look, wanted: Value) -> Sent:
        on = wanted["status"] == "ACTIVATED"
        return Sent(*inspector.switch_deep_inspection(client, account_id, on=on))

    def is_destructive(self, wanted: Value) -> bool:
        return wanted.get("status") == "DEACTIVATED"

    def choices(self, account_id: str) -> Mapping[str, Mapping[str, str]]:
        return {"status": {name: self.words_of[name] for name in ("ACTIVATED", "DEACTIVATED")}}

    def word(self, name: str, value: Any) -> str:
        return self.words_of.get(str(value), str(value) or "not known")

    def meaning(self, account_id: str) -> str:
        return (
            "Deep inspection looks for packages of programming languages on Linux instances, beside those of the "
            "operating system."
        )

    def losses(self, before: Value, wanted: Value) -> list[str]:
        if not self.is_destructive(wanted):
            return []
        return ["Vulnerabilities in packages of programming languages are not found any more on these instances."]


class Membership(Kind):
    """The account's relationship; what is wanted of it is the same for everybody."""

    labels = {"relationship": "Relationship"}

    def of_account(self, row: RegionalAccount | None) -> Value | None:
        return {"relationship": row.relationship_status if row else ""}

    def look(self, client: Inspector2Client, account_id: str) -> Look:
        for member in inspector.list_members(client):
            if member.get("accountId") == account_id:
                status = str(member.get("relationshipStatus") or "")
                return Look({"relationship": status}, is_pending=status == RelationshipStatus.CREATED, raw=member)
        return Look({"relationship": ""})

    def word(self, name: str, value: Any) -> str:
        if not value:
            return "Not a member"
        return str(RelationshipStatus(value).label) if value in RelationshipStatus else str(value)


class Associate(Membership):
    setting = Setting.ASSOCIATE

    def send(self, client: Inspector2Client, account_id: str, now: Look, wanted: Value) -> Sent:
        return Sent(inspector.associate(client, account_id))

    def meaning(self, account_id: str) -> str:
        return (
            "The delegated administrator sees the account's coverage and findings in this Region and manages its scan "
            "types. Automatic activation applies to it."
        )


class Disassociate(Membership):
    setting = Setting.DISASSOCIATE

    def send(self, client: Inspector2Client, account_id: str, now: Look, wanted: Value) -> Sent:
        return Sent(inspector.disassociate(client, account_id))

    def is_so(self, now: Look, wanted: Value) -> bool:
        return now.value["relationship"] in FORMER

    def is_destructive(self, wanted: Value) -> bool:
        return True

    def meaning(self, account_id: str) -> str:
        return (
            "The account stands alone in this Region. Its scan types stay as they are and go on costing; from then on "
            "it manages them itself."
        )

    def losses(self, before: Value, wanted: Value) -> list[str]:
        return [
            "The delegated administrator, and this dashboard with it, no longer sees its coverage and findings here.",
            "What the administrator set for it applies no longer.",
        ]


WORDS = {**DURATIONS, **SCAN_MODES, **PULL_MODES, **DeepInspection.words_of}
"""AWS' words for all of these values, as people read them."""
KINDS: dict[str, Kind] = {
    kind.setting.value: kind
    for kind in (AutomaticActivation(), ScanMode(), Durations(), DeepInspection(), Associate(), Disassociate())
}
OF_ONE_ACCOUNT = {Setting.DEEP_INSPECTION, Setting.ASSOCIATE, Setting.DISASSOCIATE}
"""Settings that always name an account; the scan mode and the durations may."""
FIXED: dict[str, dict[str, str]] = {
    Setting.ASSOCIATE: {"relationship": RelationshipStatus.ENABLED.value},
    Setting.DISASSOCIATE: {"relationship": RelationshipStatus.REMOVED.value},
}
"""What is wanted where nothing can be chosen."""


def kind_of(setting: str) -> Kind:
    return KINDS[setting]
