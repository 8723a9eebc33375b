"""Names for the seeded organization: plain ones, and those that break pages, exports and databases."""

from __future__ import annotations

PRODUCTS = (
    "payments",
    "checkout",
    "catalog",
    "search",
    "shipping",
    "billing",
    "identity",
    "notifications",
    "analytics",
    "warehouse",
    "pricing",
    "loyalty",
    "support",
    "marketplace",
    "invoicing",
    "fraud",
    "recommendations",
    "content",
    "mobile",
    "partners",
    "inventory",
    "returns",
    "reporting",
    "media",
)
ENVIRONMENTS = ("prod", "staging", "dev", "test")
UNITS = {
    "prod": "Workloads/Production",
    "staging": "Workloads/Staging",
    "dev": "Workloads/Development",
    "test": "Sandbox",
}

INSTANCE_ROLES = (
    "web",
    "api",
    "worker",
    "db",
    "cache",
    "bastion",
    "build",
    "queue",
    "search",
    "proxy",
    "batch",
    "monitor",
)
COMPONENTS = (
    "api",
    "worker",
    "frontend",
    "gateway",
    "scheduler",
    "migrations",
    "importer",
    "exporter",
    "sidecar",
    "batch",
)
FUNCTION_VERBS = ("send", "resize", "import", "export", "notify", "sync", "validate", "archive", "route", "score")
FUNCTION_NOUNS = (
    "invoice",
    "image",
    "orders",
    "report",
    "customer",
    "events",
    "address",
    "metrics",
    "backup",
    "webhook",
)
IMAGE_TAGS = ("latest", "stable", "main", "release", "edge")
RUNTIMES = (
    "PYTHON_3_12",
    "PYTHON_3_11",
    "PYTHON_3_9",
    "NODEJS_20_X",
    "NODEJS_18_X",
    "NODEJS_22_X",
    "JAVA_17",
    "JAVA_21",
    "RUBY_3_2",
    "GO_1_X",
    "DOTNET_8",
)
TEAMS = ("platform", "storefront", "data", "finance", "growth", "operations")

ODD_NAMES = (
    "<script>alert(document.domain)</script>",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u202egpj.exe-invoice\u202c",
    "Bücherei \u2013 Größenprüfung",
    "請求書処理サーバー",
    "خادم الفواتير",
    "build 🔥 machine 👩🏽\u200d💻",
    "'; DROP TABLE instances; --",
    "{{ 7 * 7 }} {% debug %}",
    "javascript:alert(1)",
    "../../../../etc/passwd",
    "a\u0301e\u0301 combining, e\u0301 twice",
    "x" * 256,
    " leading and trailing ",
    "100%00 null-ish",
)
"""Values that AWS takes for a tag; each must appear as itself, and nothing else must happen."""
