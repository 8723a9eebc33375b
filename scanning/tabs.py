"""The registry of tabs: which rows a tab lists, and in which words. Its columns are in tables.py and exports.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scanning.choices import Group, ResourceType, ScanType

SCANNING = (Group.SCANNING, Group.NOT_SCANNING)
ACTIVATION = (Group.ACTIVATED, Group.NOT_ACTIVATED)
ALL = "all"
OTHER = "other"


@dataclass(frozen=True)
class TabTable:
    """One table of a tab: which rows it lists, and what one of them is called."""

    resource_types: tuple[str, ...]
    noun: str
    scan_type: str = ""
    kind: str = ""
    """What tells the tables of a tab apart, in a word."""
    title: str = ""
    prefix: str = ""

    def lists(self, resource_type: str, scan_type: str) -> bool:
        """Whether a row is of this table. Without types: whatever no other tab lists."""
        of_type = resource_type in self.resource_types if self.resource_types else resource_type not in LISTED_ELSEWHERE
        return of_type and (not self.scan_type or scan_type == self.scan_type)


@dataclass(frozen=True)
class CoverageTab:
    """One tab: its lists and groups, and why things land on the list of what is not covered."""

    slug: str
    label: str
    tables: tuple[TabTable, ...]
    why: str
    definition: str
    doc: str
    """Where AWS says more about how these are scanned."""
    groups: tuple[Group, Group] = SCANNING
    has_platforms: bool = False
    is_of_console: bool = False
    """One of the console's tabs: always shown, and with statuses of its own in the status map."""

    @property
    def covered(self) -> Group:
        return self.groups[0]

    @property
    def not_covered(self) -> Group:
        return self.groups[1]

    @property
    def status_tab(self) -> str:
        """The part of the status map that speaks of what is listed here."""
        return self.slug if self.is_of_console else OTHER

    @property
    def resource_types(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kind for table in self.tables for kind in table.resource_types))


R, S = ResourceType, ScanType
GUIDE = "https://docs.aws.amazon.com/inspector/latest/user/"

TABS = (
    CoverageTab(
        "instances",
        "Instances",
        (TabTable((R.AWS_EC2_INSTANCE,), "instances", S.PACKAGE),),
        why=(
            "Inspector scans an EC2 instance through Systems Manager or without an agent. An instance lands here when"
            " it does not run the SSM Agent, has no IAM role that supports Systems Manager, runs an operating system or"
            " architecture that Inspector does not support, is stopped, or is excluded by a tag."
        ),
        definition="EC2 instances that Inspector lists and does not monitor and scan now.",
        doc=f"{GUIDE}scanning-ec2.html",
        has_platforms=True,
        is_of_console=True,
    ),
    CoverageTab(
        "repositories",
        "Repositories",
        (TabTable((R.AWS_ECR_REPOSITORY,), "repositories"),),
        why=(
            "Inspector monitors a repository when its registry uses enhanced scanning and a filter includes it. A"
            " repository lands here when its scanning is set to basic or manual, when Inspector may not access it, or"
            " when scanning is being switched off."
        ),
        definition="ECR repositories that Inspector lists and is not configured to monitor and scan.",
        doc=f"{GUIDE}scanning-ecr.html",
        groups=ACTIVATION,
        is_of_console=True,
    ),
    CoverageTab(
        "images",
        "Images",
        (TabTable((R.AWS_ECR_CONTAINER_IMAGE,), "images", S.PACKAGE),),
        why=(
            "An image lands here when scanning is not activated for its repository or a filtering rule leaves the"
            " repository out, when it was not pushed or pulled within the ECR re-scan duration, or when Inspector"
            " cannot read its operating system or media type. An image scanned on push was scanned once and is not"
            " monitored."
        ),
        definition="Container images in ECR that Inspector lists and does not monitor and scan now.",
        doc=f"{GUIDE}scanning-ecr.html",
        is_of_console=True,
    ),
    CoverageTab(
        "lambda",
        "Lambda",
        (
            TabTable((R.AWS_LAMBDA_FUNCTION,), "functions", S.PACKAGE, "standard", "Lambda standard scanning"),
            TabTable((R.AWS_LAMBDA_FUNCTION,), "functions", S.CODE, "code", "Lambda code scanning", prefix="code-"),
        ),
        why=(
            "A function lands here when its account was not added to Inspector, when a tag or a filtering rule keeps it"
            " from being scanned, when it was neither invoked nor updated for 90 days, or when its runtime is not"
            " supported."
        ),
        definition="Lambda functions that Inspector lists and is not configured to scan.",
        doc=f"{GUIDE}scanning-lambda.html",
        is_of_console=True,
    ),
    CoverageTab(
        "code-repositories",
        "Code repositories",
        (TabTable((R.CODE_REPOSITORY,), "code repositories"),),
        why=(
            "A code repository lands here when the connection to its provider was lost, when no scan configuration is"
            " associated with it, or when Inspector does not support its languages."
        ),
        definition="Code repositories that Inspector lists and does not scan now.",
        doc=f"{GUIDE}supported.html",
    ),
    CoverageTab(
        "machine-images",
        "Machine images",
        (TabTable((R.MACHINE_IMAGE,), "machine images"),),
        why="A machine image lands here when Inspector cannot read it or does not support its operating system.",
        definition="Amazon machine images that Inspector lists and does not scan now.",
        doc=f"{GUIDE}scanning-machine-images.html",
        has_platforms=True,
    ),
    CoverageTab(
        "azure",
        "Azure",
        (
            TabTable(
                (
                    R.AZURE_VIRTUAL_MACHINE,
                    R.AZURE_CONTAINER_REGISTRY,
                    R.AZURE_CONTAINER_REPOSITORY,
                    R.AZURE_CONTAINER_IMAGE,
                    R.AZURE_SITE,
                ),
                "Azure resources",
            ),
        ),
        why="A resource in Azure lands here when Inspector's connection does not reach it or it does not support it.",
        definition="Resources in Azure that Inspector lists and does not scan now.",
        doc=f"{GUIDE}supported.html",
    ),
    CoverageTab(
        "gcp",
        "Google Cloud",
        (TabTable((R.GCP_INSTANCE, R.GCP_FUNCTION, R.GCP_REPOSITORY, R.GCP_IMAGE), "Google Cloud resources"),),
        why=(
            "A resource in Google Cloud lands here when Inspector's connection does not reach it, or when Inspector"
            " does not support it."
        ),
        definition="Resources in Google Cloud that Inspector lists and does not scan now.",
        doc=f"{GUIDE}supported.html",
    ),
    CoverageTab(
        "other",
        "Other",
        (TabTable((), "other resources"),),
        why="These are resource types that Inspector has added and that this dashboard has no tab for.",
        definition="Resources of other types that Inspector lists and does not scan now.",
        doc=f"{GUIDE}scanning-resources.html",
    ),
)

TAB_BY_SLUG = {tab.slug: tab for tab in TABS}
TAB_OF_TYPE = {kind: tab for tab in TABS for kind in tab.resource_types}
LISTED_ELSEWHERE = frozenset({*TAB_OF_TYPE, R.AWS_ACCOUNT.value})
"""What “Other” leaves out. An account's own row (network reachability) is no resource: it is shown with the account."""


def tab_of_type(resource_type: str) -> CoverageTab:
    return TAB_OF_TYPE.get(resource_type, TAB_BY_SLUG[OTHER])


def tabs_shown(listed: Iterable[tuple[str, str]]) -> list[CoverageTab]:
    """The five tabs of the console, and the further ones of which something is listed: (resource type, scan type)."""
    kinds = set(listed)
    return [
        tab for tab in TABS if tab.is_of_console or any(table.lists(*kind) for table in tab.tables for kind in kinds)
    ]
