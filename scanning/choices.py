"""Inspector's enums, with labels. Stored values are not limited to these: AWS adds some; they appear as themselves."""

from django.db import models


class ResourceType(models.TextChoices):
    AWS_EC2_INSTANCE = "AWS_EC2_INSTANCE", "EC2 instance"
    AWS_ECR_REPOSITORY = "AWS_ECR_REPOSITORY", "ECR repository"
    AWS_ECR_CONTAINER_IMAGE = "AWS_ECR_CONTAINER_IMAGE", "ECR container image"
    AWS_LAMBDA_FUNCTION = "AWS_LAMBDA_FUNCTION", "Lambda function"
    CODE_REPOSITORY = "CODE_REPOSITORY", "Code repository"
    MACHINE_IMAGE = "MACHINE_IMAGE", "Machine image"
    AZURE_VIRTUAL_MACHINE = "Microsoft.Compute/virtualMachines", "Azure virtual machine"
    AZURE_CONTAINER_REGISTRY = "Microsoft.ContainerRegistry/registries", "Azure container registry"
    AZURE_CONTAINER_REPOSITORY = (
        "Microsoft.ContainerRegistry/registry/containerRepository",
        "Azure container repository",
    )
    AZURE_CONTAINER_IMAGE = "Microsoft.ContainerRegistry/registry/containerImage", "Azure container image"
    AZURE_SITE = "Microsoft.Web/sites", "Azure function app"
    GCP_INSTANCE = "compute.googleapis.com/Instance", "Google Cloud instance"
    GCP_FUNCTION = "cloudfunctions.googleapis.com/Function", "Google Cloud function"
    GCP_REPOSITORY = "artifactregistry.googleapis.com/Repository", "Google Cloud repository"
    GCP_IMAGE = "artifactregistry.googleapis.com/DockerImage", "Google Cloud container image"
    # Returned by AWS, absent from its own enum: one row per account and Region for network reachability.
    AWS_ACCOUNT = "AWS_ACCOUNT", "AWS account"


STATISTICS = "statistics"
"""The part of a coverage scope that reads ListCoverageStatistics; the other parts are resource types."""


class ScanType(models.TextChoices):
    """How a resource is scanned."""

    NETWORK = "NETWORK", "Network"
    PACKAGE = "PACKAGE", "Package"
    CODE = "CODE", "Code"


class ScanStatusCode(models.TextChoices):
    ACTIVE = "ACTIVE", "Active"
    INACTIVE = "INACTIVE", "Inactive"


class Group(models.TextChoices):
    """The lists that a tab is divided into. Repositories are activated or not; everything else is scanned or not."""

    SCANNING = "scanning", "Scanning"
    NOT_SCANNING = "not-scanning", "Not scanning"
    ACTIVATED = "activated", "Activated"
    NOT_ACTIVATED = "not-activated", "Not activated"


NOT_COVERED = (Group.NOT_SCANNING, Group.NOT_ACTIVATED)


class Kind(models.TextChoices):
    """How we read a status: may a person leave it alone, or is there something to do?"""

    SCANNING = "scanning", "Scanned now"
    PARTLY = "partly", "Scanned, with errors"
    WAITING = "waiting", "Will be scanned by itself"
    FIX = "fix", "Can be fixed"
    LIMIT = "limit", "Inspector cannot scan it as it is"
    CHOICE = "choice", "Not scanned by choice"
    IDLE = "idle", "Nothing to scan at present"


class Platform(models.TextChoices):
    LINUX = "LINUX", "Linux"
    WINDOWS = "WINDOWS", "Windows"
    MACOS = "MACOS", "macOS"
    MAC = "MAC", "macOS"
    UNKNOWN = "UNKNOWN", "Unknown"


class ScanMode(models.TextChoices):
    """The console's "Monitored using"."""

    EC2_SSM_AGENT_BASED = "EC2_SSM_AGENT_BASED", "Agent-based (SSM agent)"
    EC2_INSPECTOR_AGENT_BASED = "EC2_INSPECTOR_AGENT_BASED", "Agent-based (Inspector agent)"
    VM_INSPECTOR_AGENT_BASED = "VM_INSPECTOR_AGENT_BASED", "Agent-based (Inspector agent)"
    EC2_AGENTLESS = "EC2_AGENTLESS", "Agentless"


class ScanFrequency(models.TextChoices):
    """How often the images in a repository are scanned."""

    CONTINUOUS_SCAN = "CONTINUOUS_SCAN", "Continuous"
    SCAN_ON_PUSH = "SCAN_ON_PUSH", "On push"
    MANUAL = "MANUAL", "Manual"


class CodeProvider(models.TextChoices):
    """Where a code repository is."""

    GITHUB = "GITHUB", "GitHub"
    GITLAB_SELF_MANAGED = "GITLAB_SELF_MANAGED", "GitLab Self-Managed"


class FindingType(models.TextChoices):
    PACKAGE_VULNERABILITY = "PACKAGE_VULNERABILITY", "Package vulnerability"
    CODE_VULNERABILITY = "CODE_VULNERABILITY", "Code vulnerability"
    NETWORK_REACHABILITY = "NETWORK_REACHABILITY", "Network reachability"


class FindingStatus(models.TextChoices):
    ACTIVE = "ACTIVE", "Active"
    SUPPRESSED = "SUPPRESSED", "Suppressed"
    CLOSED = "CLOSED", "Closed"


class Severity(models.TextChoices):
    CRITICAL = "CRITICAL", "Critical"
    HIGH = "HIGH", "High"
    MEDIUM = "MEDIUM", "Medium"
    LOW = "LOW", "Low"
    INFORMATIONAL = "INFORMATIONAL", "Informational"
    UNTRIAGED = "UNTRIAGED", "Untriaged"
