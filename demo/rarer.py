"""Rows of the rarer resource types, as AWS' own dicts without status and account."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from demo import weights, words

Row = dict[str, Any]
Maker = Callable[[Random, int, str, str], Row]


def code_repository(random: Random, number: int, region: str, account_id: str) -> Row:
    product = random.choice(words.PRODUCTS)
    commit = f"{random.getrandbits(160):040x}"
    return {
        "resourceType": "CODE_REPOSITORY",
        "resourceId": f"arn:aws:inspector2:{region}:{account_id}:codesecurity-project/"
        f"project-{random.getrandbits(64):016x}",
        "scanType": "CODE",
        "resourceMetadata": {
            "codeRepository": {
                "projectName": f"example-shop/{product}",
                "integrationArn": f"arn:aws:inspector2:{region}:{account_id}:codesecurity-integration/main",
                "providerType": "GITHUB" if number % 3 else "GITLAB_SELF_MANAGED",
                "providerTypeVisibility": "PRIVATE",
                "lastScannedCommitId": commit,
                "scanConfiguration": {
                    "periodicScanConfigurations": [
                        {"frequencyExpression": "cron(0 4 ? * MON *)", "ruleSetCategories": ["SAST", "IAC", "SCA"]}
                    ],
                    "continuousIntegrationScanConfigurations": [
                        {"supportedEvent": "PULL_REQUEST", "ruleSetCategories": ["SAST", "SCA"]}
                    ],
                },
            }
        },
    }


def ami(random: Random, number: int, region: str, account_id: str) -> Row:
    return {
        "resourceType": "MACHINE_IMAGE",
        "resourceId": f"ami-{random.getrandbits(68):017x}",
        "scanType": "PACKAGE",
        "resourceMetadata": {
            "machineImage": {
                "tags": {"Name": f"golden-{random.choice(words.INSTANCE_ROLES)}-{number}"},
                "platform": ("LINUX", "WINDOWS", "UNKNOWN")[number % 3],
            }
        },
    }


def azure_machine(random: Random, number: int, region: str, account_id: str) -> Row:
    subscription = f"{random.getrandbits(32):08x}-0000-4000-8000-{number:012}"
    return {
        "resourceType": "Microsoft.Compute/virtualMachines",
        "resourceId": f"/subscriptions/{subscription}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/"
        f"{random.choice(words.INSTANCE_ROLES)}-{number}",
        "scanType": "PACKAGE",
        "scanMode": "VM_INSPECTOR_AGENT_BASED",
        "provider": "AZURE",
        "providerAccountId": subscription,
        "providerOrgId": "tenant-example",
        "providerRegion": "westeurope",
        "providerPartition": "azure",
        "resourceMetadata": {
            "vmInstance": {"tags": {"team": random.choice(words.TEAMS)}, "platform": ("LINUX", "WINDOWS")[number % 2]}
        },
    }


def azure_image(random: Random, number: int, region: str, account_id: str) -> Row:
    registry = "exampleregistry.azurecr.io"
    kinds: tuple[tuple[str, str, Row], ...] = (
        (
            "registry/containerImage",
            f"/shop/api@sha256:{random.getrandbits(256):064x}",
            {"containerImage": {"imageTags": ["latest"]}, "containerRepository": {"name": "shop/api"}},
        ),
        (
            "registry/containerRepository",
            f"/shop/api-{number}",
            {"containerRepository": {"name": f"shop/api-{number}"}},
        ),
        ("registries", f"/{number}", {"containerRegistry": {"name": registry}}),
    )
    kind, suffix, metadata = kinds[number % 3]
    return {
        "resourceType": f"Microsoft.ContainerRegistry/{kind}",
        "resourceId": f"{registry}{suffix}",
        "scanType": "PACKAGE",
        "provider": "AZURE",
        "providerRegion": "westeurope",
        "resourceMetadata": metadata,
    }


def google_machine(random: Random, number: int, region: str, account_id: str) -> Row:
    project = "example-shop-project"
    kinds: tuple[tuple[str, str, Row], ...] = (
        (
            "compute.googleapis.com/Instance",
            f"//compute.googleapis.com/projects/{project}/zones/europe-west1-b/",
            {"vmInstance": {"tags": {"team": random.choice(words.TEAMS)}, "platform": "LINUX"}},
        ),
        (
            "cloudfunctions.googleapis.com/Function",
            f"//cloudfunctions.googleapis.com/projects/{project}/functions/",
            {"serverlessFunction": {"serverlessFunctionName": f"resize-{number}", "runtime": "python312"}},
        ),
        (
            "artifactregistry.googleapis.com/DockerImage",
            f"//artifactregistry.googleapis.com/projects/{project}/images/",
            {"containerImage": {"imageTags": ["stable"]}, "containerRepository": {"name": "shop"}},
        ),
    )
    resource_type, prefix, metadata = kinds[number % 3]
    return {
        "resourceType": resource_type,
        "resourceId": f"{prefix}{random.getrandbits(60):d}",
        "scanType": "PACKAGE",
        "provider": "GCP",
        "providerAccountId": project,
        "providerRegion": "europe-west1",
        "resourceMetadata": metadata,
    }


def future(random: Random, number: int, region: str, account_id: str) -> Row:
    """A resource type that AWS may announce tomorrow: no metadata that anybody knows."""
    return {
        "resourceType": "AWS_EKS_NODE_POOL",
        "resourceId": f"arn:aws:eks:{region}:{account_id}:nodegroup/shop/pool-{number}",
        "scanType": "PACKAGE",
    }


MAKERS: tuple[tuple[Maker, tuple[weights.Status, ...], float], ...] = (
    (code_repository, weights.CODE_REPOSITORIES, 0.35),
    (ami, weights.MACHINE_IMAGES, 0.25),
    (azure_machine, weights.CLOUD, 0.12),
    (azure_image, weights.CLOUD[:1], 0.1),
    (google_machine, weights.CLOUD, 0.12),
    (future, weights.CLOUD[:2], 0.06),
)
