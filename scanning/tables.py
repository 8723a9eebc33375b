"""One small table per tab: columns and nothing else. What a tab lists is in tabs.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import django_tables2 as tables
from django.utils.safestring import SafeString

from coverage_site.paging import Heading, Order, Sort, sorting
from scanning import columns
from scanning.columns import Sheet
from scanning.models import CoveredResource

Draw = Callable[[CoveredResource, Sheet], SafeString]

SORTS = {
    sort.name: sort
    for sort in (
        Sort("name", "name", "sort_name"),
        Sort("account", "account", "account_id"),
        Sort("status", "status", "status_key"),
        Sort("last_scanned", "last scanned", "sort_last_scanned", is_time=True, first_down=True),
        Sort("not_scanned_for", "not scanned for", "not_scanned_since", is_time=True, reverse=True, first_down=True),
    )
}


class Column(tables.Column):  # type: ignore[misc]
    """A column whose cells are drawn by one function. tables2 would inspect, resolve and render each cell by itself,
    which costs ten times as much."""

    def __init__(self, verbose_name: str, draw: Draw, *, sort: str = "", css: str = "", meaning: str = "") -> None:
        super().__init__(verbose_name=verbose_name, orderable=False, empty_values=())
        self.draw = draw
        self.sort = sort
        self.css = css
        self.meaning = meaning


class CoverageTable(tables.Table):  # type: ignore[misc]
    """A list of covered resources. tables2 keeps the columns; the body is joined from the columns' functions."""

    def __init__(
        self,
        rows: Sequence[CoveredResource],
        sheet: Sheet,
        *,
        order: Order | None = None,
        status_label: str = "Status",
        query_prefix: str = "",
        **options: Any,
    ) -> None:
        super().__init__(rows, orderable=False, **options)
        self.sheet = sheet
        self.order = order
        self.status_label = status_label
        self.query_prefix = query_prefix

    @property
    def drawn(self) -> list[Column]:
        return [bound.column for bound in self.columns]

    def headings(self) -> list[Heading]:
        return [self._heading(column) for column in self.drawn]

    def _heading(self, column: Column) -> Heading:
        label = self.status_label if column.sort == "status" else str(column.verbose_name)
        if not column.sort or not self.order:
            return Heading(label, column.css, meaning=column.meaning)
        sort, query = SORTS[column.sort], self.sheet.query
        heading = sorting(label, sort, self.order, query, css=column.css, prefix=self.query_prefix)
        return replace(heading, meaning=column.meaning)

    def body(self) -> SafeString:
        shapes = [(column.draw, f'<td class="{column.css}">' if column.css else "<td>") for column in self.drawn]
        sheet = self.sheet
        return SafeString(
            "\n".join(
                f"<tr>{''.join([f'{cell}{draw(row, sheet)}</td>' for draw, cell in shapes])}</tr>"
                for row in self.data.data
            )
        )


def _account() -> Column:
    return Column("Account", columns.account, sort="account", meaning="The AWS account that owns it")


def _region() -> Column:
    return Column("Region", columns.region)


def _status() -> Column:
    return Column("Status", columns.status, sort="status", css="state")


def _not_scanned_for() -> Column:
    meaning = "Since the last scan, or since this dashboard first saw what was never scanned"
    return Column("Not scanned for", columns.not_scanned_for, sort="not_scanned_for", meaning=meaning)


def _last_scanned(how: str = "how often depends on the scan method") -> Column:
    meaning = f"When Inspector last checked it for vulnerabilities: {how}"
    return Column("Last scanned", columns.last_scanned, sort="last_scanned", meaning=meaning)


def _findings() -> Column:
    meaning = "Active findings: critical, high, medium, low. Dashed: as old as the last scan"
    return Column("Findings", columns.findings, css="findings", meaning=meaning)


def _tags(label: str) -> Column:
    return Column(label, columns.tags, css="wrap", meaning="They show what is excluded from scans by a tag")


ON_NEWS = "also for a new CVE, news of a finding, or a change of what is installed in it"
MONITORED = "Whether Inspector scans it by an agent or without one"


class InstanceTable(CoverageTable):
    name = Column("EC2 instance", columns.resource, sort="name")
    account = _account()
    region = _region()
    status = _status()
    not_scanned_for = _not_scanned_for()
    last_scanned = _last_scanned()
    operating_system = Column("Operating system", columns.operating_system)
    monitored_using = Column("Monitored using", columns.monitored_using, css="narrow", meaning=MONITORED)
    tags = _tags("EC2 instance tags")
    findings = _findings()


class RepositoryTable(CoverageTable):
    name = Column("ECR repository", columns.function, sort="name")
    account = _account()
    region = _region()
    status = _status()
    not_scanned_for = _not_scanned_for()
    last_scanned = _last_scanned()


class ImageTable(CoverageTable):
    image = Column("ECR container image", columns.image)
    repository_name = Column(
        "Repository name", columns.repository_name, sort="name", meaning="The repository that stores it"
    )
    account = _account()
    region = _region()
    status = _status()
    not_scanned_for = _not_scanned_for()
    last_scanned = _last_scanned(ON_NEWS)
    tags = Column("Image tags", columns.tags, css="wrap")
    findings = _findings()


class FunctionTable(CoverageTable):
    name = Column("Function name", columns.function, sort="name")
    account = _account()
    region = _region()
    runtime = Column("Runtime", columns.runtime)
    status = _status()
    not_scanned_for = _not_scanned_for()
    last_scanned = _last_scanned(ON_NEWS)
    tags = _tags("Resource tags")
    findings = _findings()


class CodeRepositoryTable(CoverageTable):
    name = Column("Project", columns.resource, sort="name")
    account = _account()
    region = _region()
    provider = Column("Provider", columns.fact("codeRepository", "providerType"))
    status = _status()
    not_scanned_for = _not_scanned_for()
    last_scanned = _last_scanned()
    commit = Column("Last scanned commit", columns.commit)
    findings = _findings()


class MachineImageTable(CoverageTable):
    name = Column("Machine image", columns.resource, sort="name")
    account = _account()
    region = _region()
    status = _status()
    not_scanned_for = _not_scanned_for()
    last_scanned = _last_scanned()
    operating_system = Column("Operating system", columns.operating_system)
    tags = _tags("Tags")
    findings = _findings()


class OtherTable(CoverageTable):
    """What has no table of its own: the facts that every row has."""

    name = Column("Resource", columns.resource, sort="name")
    type = Column("Type", columns.resource_type, css="narrow")
    scan_type = Column("Scan type", columns.scan_type)
    account = _account()
    region = _region()
    status = _status()
    not_scanned_for = _not_scanned_for()
    last_scanned = _last_scanned()
    tags = _tags("Tags")
    findings = _findings()


TABLES: Mapping[str, type[CoverageTable]] = {
    "instances": InstanceTable,
    "repositories": RepositoryTable,
    "images": ImageTable,
    "lambda": FunctionTable,
    "code-repositories": CodeRepositoryTable,
    "machine-images": MachineImageTable,
}
"""By the tab's slug. Every other tab has the columns of OtherTable."""
