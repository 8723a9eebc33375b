"""A believable organization: accounts of uneven size, resources in every status, findings of the three kinds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle, islice
from random import Random

from demo import weights, words
from demo.catalog import Details, code_weaknesses, network_paths, vulnerabilities
from demo.organization import Account, Organization, Resource
from demo.rarer import MAKERS, Maker
from demo.records import LAMBDA_CODE_REGIONS, seconds
from demo.weights import Deck, Status

REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")
REGION_WEIGHTS = (52, 33, 15)
DAY = 86400.0
SHARES = {"instances": 0.36, "repositories": 0.05, "images": 0.36, "functions": 0.17}
"""Of all resources; a function with code scanning has a second row, the rest are the rarer types."""


def seed_organization(seed: int, accounts: int, resources: int, now: datetime | None) -> Organization:
    """Build the organization; chance comes from `seed` alone, times are counted back from `now`."""
    return Seeding(seed, accounts, resources, seconds(now or datetime.now(UTC))).run()


class Seeding:
    """The state of one seeding: what has been dealt so far, and the accounts that resources may go to."""

    def __init__(self, seed: int, accounts: int, resources: int, now: float) -> None:
        if accounts < 12:
            raise ValueError("A seeded organization needs at least 12 accounts")
        self.random = Random(seed)
        self.now = now
        self.wanted_accounts = accounts
        self.wanted_resources = resources
        ids = [f"{self.random.randrange(10**11, 10**12)}" for _ in range(accounts)]
        self.organization = Organization(ids[1], REGIONS, seed=seed, management=ids[0])
        self.ids = iter(ids)
        self.places: dict[str, list[tuple[str, str]]] = {}
        self.place_weights: dict[str, list[float]] = {}
        self.dealt_tags: set[tuple[int, str]] = set()
        self.odd_names: Iterator[str] = cycle(words.ODD_NAMES)
        self.vulnerabilities = {
            kind: [(severity, details) for one, severity, details in vulnerabilities() if one == kind]
            for kind in ("os", "library")
        }

    def run(self) -> Organization:
        self.seed_accounts()
        self.seed_settings()
        self.find_places()
        self.seed_network_rows()
        self.seed_instances(round(self.wanted_resources * SHARES["instances"]))
        self.seed_registry(
            round(self.wanted_resources * SHARES["repositories"]), round(self.wanted_resources * SHARES["images"])
        )
        self.seed_functions(round(self.wanted_resources * SHARES["functions"]))
        self.seed_rarer_types(max(24, self.wanted_resources // 100))
        return self.organization

    # Accounts

    def seed_accounts(self) -> None:
        """Accounts of every kind; after the special ones, members named after a product and its environment."""
        foundation = (
            ("organization-management", ""),
            ("security-tooling", "Security"),
            ("log-archive", "Security"),
            ("network-hub", "Infrastructure"),
            ("shared-services", "Infrastructure"),
        )
        for name, unit in foundation:
            self.add_account(name, unit)
        for name, unit in islice(_names(), self.wanted_accounts - len(foundation)):
            self.add_account(name, unit)
        accounts = list(self.organization.accounts.values())
        admin = self.organization.accounts[self.organization.admin]
        admin.relationships.clear()
        for account in (accounts[0], *accounts[-3:]):
            account.relationships.clear()
            account.scan_types.clear()
        suspended, refusing, removed, partly = accounts[-5:-3], accounts[-6], accounts[-7], accounts[-8]
        for account in suspended:
            account.state = "SUSPENDED"
            account.relationships = dict.fromkeys(REGIONS, "ACCOUNT_SUSPENDED")
            account.scan_types = {
                region: dict.fromkeys(types, "SUSPENDED") for region, types in account.scan_types.items()
            }
        suspended[-1].state = "PENDING_CLOSURE"
        refusing.refuses = True
        removed.relationships = dict.fromkeys(REGIONS, "REMOVED")
        del partly.relationships[REGIONS[2]]
        partly.scan_types.pop(REGIONS[2])
        moving = accounts[5]
        moving.relationships[REGIONS[2]] = "CREATED"
        moving.scan_types[REGIONS[0]]["LAMBDA_CODE"] = "ENABLING"
        moving.scan_types[REGIONS[1]]["ECR"] = "DISABLING"
        accounts[6].policy_blocked = {"EC2", "ECR"}
        for account in accounts[7:10]:
            account.policy_blocked = {"LAMBDA_CODE"}

    def add_account(self, name: str, unit: str) -> Account:
        """A member with the scan types that chance gives it."""
        random = self.random
        joined = datetime.fromtimestamp(self.now - random.uniform(30, 2400) * DAY, UTC)
        types = {"EC2": 0.93, "ECR": 0.88, "LAMBDA": 0.8}
        scan_types = {}
        for region in REGIONS:
            on = {one for one, likely in types.items() if random.random() < likely}
            if "LAMBDA" in on and region in LAMBDA_CODE_REGIONS and random.random() < 0.55:
                on.add("LAMBDA_CODE")
            if random.random() < 0.15:
                on.add("CODE_REPOSITORY")
            if random.random() < 0.15:
                on.add("AMI")
            scan_types[region] = dict.fromkeys(sorted(on), "ENABLED")
        return self.organization.add_account(
            next(self.ids), name=name, ou=unit, scan_types=scan_types, joined_at=joined
        )

    def seed_settings(self) -> None:
        """Automatic activation differs between the Regions, deep inspection has paths of its own."""
        everything = {"ec2": True, "ecr": True, "lambda": True, "lambdaCode": True}
        self.organization.auto_enable = {
            REGIONS[0]: everything,
            REGIONS[1]: {"ec2": True, "ecr": True, "lambda": True},
            REGIONS[2]: {"ec2": True},
        }
        for region in REGIONS:
            self.organization.settings[region, self.organization.admin] = {
                "orgPackagePaths": ["/opt/vendor", "/srv/applications"],
                "packagePaths": [],
            }

    def find_places(self) -> None:
        """(Region, account) pairs in which each scan type is on, weighted so that few accounts hold most."""
        sizes = {account_id: self.random.paretovariate(1.1) for account_id in self.organization.accounts}
        for account in self.organization.accounts.values():
            for region, weight in zip(REGIONS, REGION_WEIGHTS, strict=True):
                if account.id not in self.organization.visible_accounts(self.organization.admin, region):
                    continue
                for scan_type, status in account.scan_types.get(region, {}).items():
                    if status in ("ENABLED", "DISABLING"):
                        self.places.setdefault(scan_type, []).append((region, account.id))
                        self.place_weights.setdefault(scan_type, []).append(weight * min(sizes[account.id], 30))

    def deal_places(self, scan_type: str, count: int) -> list[tuple[str, str]]:
        return self.random.choices(self.places[scan_type], self.place_weights[scan_type], k=count)

    # Resources

    def seed_network_rows(self) -> None:
        """Network reachability is one row for each account and Region where EC2 scanning is on."""
        for region, account_id in self.places["EC2"]:
            self.organization.add_resource(
                region=region,
                resourceType="AWS_ACCOUNT",
                resourceId=account_id,
                accountId=account_id,
                scanType="NETWORK",
                scanStatus={"statusCode": "ACTIVE", "reason": "SUCCESSFUL"},
            )

    def seed_instances(self, count: int) -> None:
        random, deck = self.random, Deck(self.random, weights.INSTANCES)
        for number, (region, account_id) in enumerate(self.deal_places("EC2", count)):
            status = deck.deal()
            role = random.choice(words.INSTANCE_ROLES)
            name = f"{role}-{random.randint(1, 99):02}"
            if number % 71 == 5:
                name = f"{name} {next(self.odd_names)}"[:256]
            tags = self.tags(number)
            if status.reason == "EXCLUDED_BY_TAG":
                tags["InspectorEc2Exclusion"] = "" if number % 2 else "true"
            instance = self.organization.add_instance(
                region=region,
                account_id=account_id,
                name="" if number % 23 == 7 else name,
                code=status.code,
                reason=status.reason,
                tags=tags,
                platform=_platform(random, status.reason),
                scan_mode=_scan_mode(random, status.reason),
                last_scanned_at=self.scanned_at(status),
            )
            if number % 397 == 11:
                instance.row.pop("resourceMetadata")
            elif number % 11 == 3:
                instance.row |= {"provider": "AWS", "providerAccountId": account_id, "providerRegion": region}
            self.seed_findings(instance, 4.6, "os")
            if status.code == "ACTIVE" and random.random() < 0.13:
                self.add_finding(instance, "NETWORK_REACHABILITY", *random.choice(network_paths()))

    def seed_registry(self, repositories: int, images: int) -> None:
        """Repositories, each with images; popular tags recur in every repository."""
        deck = Deck(self.random, tuple(status for _, status in weights.REPOSITORIES))
        frequencies = {id(status): frequency for frequency, status in weights.REPOSITORIES}
        made: list[Resource] = []
        for number, (region, account_id) in enumerate(self.deal_places("ECR", repositories)):
            status = deck.deal()
            product, component = self.random.choice(words.PRODUCTS), self.random.choice(words.COMPONENTS)
            name = f"{product}/{component}-{number}" if number % 3 else f"{product}-{component}-{number}"
            made.append(
                self.organization.add_repository(
                    region=region,
                    account_id=account_id,
                    name=name if number != 17 else f"{name}/" + "deeply/" * 20 + "nested",
                    frequency=frequencies[id(status)],
                    code=status.code,
                    reason=status.reason,
                    last_scanned_at=self.scanned_at(status),
                )
            )
        filled = [one for one in made if one.reason != "NO_RESOURCES_FOUND"]
        popularity = [self.random.paretovariate(1.2) for _ in filled]
        chosen = [*filled, *self.random.choices(filled, popularity, k=max(0, images - len(filled)))]
        decks = {frequency: Deck(self.random, statuses) for frequency, statuses in weights.IMAGES.items()}
        for number, repository in enumerate(chosen):
            self.seed_image(number, repository, decks)

    def seed_image(self, number: int, repository: Resource, decks: dict[str | None, Deck]) -> None:
        random = self.random
        status = decks[repository.metadata["ecrRepository"].get("scanFrequency")].deal()
        in_use = status.code == "ACTIVE" and random.random() < 0.4
        pulled = self.now - random.uniform(0, 90) * DAY
        image = self.organization.add_image(
            repository=repository,
            tags=self.image_tags(number, repository),
            code=status.code,
            reason=status.reason,
            last_scanned_at=self.scanned_at(status),
            pulled_at=round(pulled, 3) if random.random() < 0.8 else None,
            last_in_use_at=round(self.now - random.uniform(0, 3) * DAY, 3) if in_use else None,
            in_use_count=random.randint(1, 40) if in_use else None,
        )
        if number % 211 == 9:
            image.row["resourceMetadata"].pop("ecrRepository")
        self.seed_findings(image, 4.4, "os" if number % 3 else "library")

    def image_tags(self, number: int, repository: Resource) -> list[str] | None:
        """No tag, one, or several; none that another image in the repository has."""
        for _ in range(20):
            tags = self.some_tags(number)
            if not tags or not any((repository.serial, tag) in self.dealt_tags for tag in tags):
                self.dealt_tags |= {(repository.serial, tag) for tag in tags or ()}
                return tags
            number += 1
        return None

    def some_tags(self, number: int) -> list[str] | None:
        random = self.random
        if number % 6 == 4:
            return None
        version = f"v{random.randint(1, 9)}.{random.randint(0, 30)}.{random.randint(0, 9)}"
        if number % 5 == 1:
            return [random.choice(words.IMAGE_TAGS), version, f"sha-{random.getrandbits(28):07x}"]
        return ["t" * 128] if number % 499 == 3 else [version if number % 2 else random.choice(words.IMAGE_TAGS)]

    def seed_functions(self, count: int) -> None:
        random = self.random
        package, code = Deck(random, weights.FUNCTIONS), Deck(random, weights.FUNCTION_CODE)
        scans_code = set(self.places.get("LAMBDA_CODE", ()))
        for number, (region, account_id) in enumerate(self.deal_places("LAMBDA", count)):
            name = f"{random.choice(words.FUNCTION_VERBS)}-{random.choice(words.FUNCTION_NOUNS)}-{number}"
            tags = self.tags(number)
            runtime = random.choice(words.RUNTIMES)
            layer = f"arn:aws:lambda:{region}:{account_id}:layer:shared-libraries:{random.randint(1, 30)}"
            layers = [layer] if number % 4 == 0 else []
            decks = {"PACKAGE": package, "CODE": code} if (region, account_id) in scans_code else {"PACKAGE": package}
            statuses = {scan_type: deck.deal() for scan_type, deck in decks.items()}
            excluded = {one for one, status in statuses.items() if status.reason == "EXCLUDED_BY_TAG"}
            if "PACKAGE" in excluded:
                tags["InspectorExclusion"] = "LambdaStandardScanning"
            if "CODE" in excluded:
                tags["InspectorCodeExclusion"] = "LambdaCodeScanning"
            for scan_type, status in statuses.items():
                function = self.organization.add_function(
                    region=region,
                    account_id=account_id,
                    name=name,
                    scan_type=scan_type,
                    runtime="UNSUPPORTED" if status.reason == "UNSUPPORTED_RUNTIME" else runtime,
                    code=status.code,
                    reason=status.reason,
                    tags=tags,
                    layers=layers,
                    last_scanned_at=self.scanned_at(status),
                )
                if scan_type == "PACKAGE":
                    self.seed_findings(function, 2.2, "library")
                elif status.code == "ACTIVE" and status.reason == "SUCCESSFUL" and random.random() < 0.6:
                    for severity, details in random.sample(code_weaknesses(), random.randint(1, 3)):
                        self.add_finding(function, "CODE_VULNERABILITY", severity, details)

    def seed_rarer_types(self, count: int) -> None:
        """Code repositories, machine images, other clouds, and a type that nobody knows yet."""
        for maker, statuses, share in MAKERS:
            deck = Deck(self.random, statuses)
            for number in range(max(len(statuses), round(count * share))):
                self.add_rarer(maker, number, deck.deal())

    def add_rarer(self, maker: Maker, number: int, status: Status) -> None:
        scan_type = maker.__name__.upper() if maker.__name__.upper() in self.places else "EC2"
        region, account_id = self.deal_places(scan_type, 1)[0]
        last = self.scanned_at(status)
        raw = maker(self.random, number, region, account_id)
        if last is not None:
            raw["lastScannedAt"] = last
        raw["scanStatus"] = {"statusCode": status.code, "reason": status.reason}
        resource = self.organization.add_resource(region=region, accountId=account_id, **raw)
        if resource.resource_type == "CODE_REPOSITORY" and last is None:
            resource.metadata["codeRepository"].pop("lastScannedCommitId")
        if resource.resource_type == "CODE_REPOSITORY" and last is not None:
            for severity, details in self.random.sample(code_weaknesses(), 2):
                self.add_finding(resource, "CODE_VULNERABILITY", severity, details)

    def tags(self, number: int) -> dict[str, str]:
        """A few ordinary tags, none, or one that is meant to hurt."""
        random = self.random
        if number % 17 == 2:
            return {}
        tags = {"team": random.choice(words.TEAMS), "environment": random.choice(words.ENVIRONMENTS)}
        if number % 5 == 0:
            tags["cost-center"] = f"{random.randint(1000, 9999)}"
        if number % 41 == 8:
            tags["note"] = next(self.odd_names)
        if number % 613 == 1:
            tags |= {f"automation:key-{index:02}": f"value-{index}" for index in range(44)}
        return tags

    def scanned_at(self, status: Status) -> float | None:
        """When a row of this status was last scanned; None where AWS sends nothing."""
        if status.hours is None:
            return None
        return round(self.now - self.random.uniform(*status.hours) * 3600, 3)

    # Findings

    def seed_findings(self, resource: Resource, mean: float, kind: str) -> None:
        """Findings of what was ever scanned: many for a few resources, none for some."""
        scanned = resource.row.get("lastScannedAt")
        if scanned is None or resource.reason in ("RESOURCE_TERMINATED", "SCAN_ELIGIBILITY_EXPIRED", "IMAGE_ARCHIVED"):
            return
        count = min(40, int(self.random.expovariate(1 / mean) + 0.35))
        known = self.vulnerabilities[kind]
        for severity, details in self.random.sample(known, count):
            self.add_finding(resource, "PACKAGE_VULNERABILITY", severity, details)

    def add_finding(self, resource: Resource, type: str, severity: str, details: Details) -> None:
        random = self.random
        last = float(resource.row.get("lastScannedAt", self.now - 3600.0))
        first = round(last - random.expovariate(1 / 40) * DAY, 3)
        chance = random.random()
        status = "ACTIVE" if chance < 0.87 else "SUPPRESSED" if chance < 0.92 else "CLOSED"
        self.organization.add_finding(
            resource,
            type=type,
            severity=severity,
            status=status,
            first_observed_at=first,
            last_observed_at=last,
            updated_at=max(last, round(self.now - random.uniform(0, 25) * DAY, 3)) if status == "CLOSED" else last,
            details=details,
            **({"updatedAt": None} if chance < 0.01 else {}),
        )


def _names() -> Iterator[tuple[str, str]]:
    """(Name, organizational unit) without end."""
    number = 1
    while True:
        suffix = "" if number == 1 else f"-{number}"
        for environment in words.ENVIRONMENTS:
            for product in words.PRODUCTS:
                yield f"{product}-{environment}{suffix}", words.UNITS[environment]
        number += 1


def _platform(random: Random, reason: str) -> str:
    if reason in ("UNSUPPORTED_OS", "UNMANAGED_EC2_INSTANCE", "NO_INVENTORY"):
        return random.choice(("UNKNOWN", "LINUX", "WINDOWS"))
    return random.choices(("LINUX", "WINDOWS", "MACOS"), (76, 21, 3))[0]


def _scan_mode(random: Random, reason: str) -> str | None:
    if reason in ("UNMANAGED_EC2_INSTANCE", "UNSUPPORTED_OS", "ACCESS_DENIED", "NO_INVENTORY"):
        return None
    if reason.startswith("AGENTLESS") or reason == "ACCESS_DENIED_TO_ENCRYPTION_KEY":
        return "EC2_AGENTLESS"
    if reason.startswith("DEEP_INSPECTION") or reason == "STALE_INVENTORY":
        return "EC2_SSM_AGENT_BASED"
    return random.choices(("EC2_SSM_AGENT_BASED", "EC2_AGENTLESS", "EC2_INSPECTOR_AGENT_BASED", None), (68, 24, 5, 3))[
        0
    ]
