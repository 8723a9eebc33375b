"""What findings say: vulnerabilities, network paths and code weaknesses, each as the detail part of AWS' Finding.

The vulnerabilities are made up in the manner of real advisories: identifiers in a far-off range, packages that exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any

Details = Mapping[str, Any]

SCORES = {
    "CRITICAL": (9.0, 10.0),
    "HIGH": (7.0, 8.9),
    "MEDIUM": (4.0, 6.9),
    "LOW": (0.1, 3.9),
    "INFORMATIONAL": (0.0, 0.0),
    "UNTRIAGED": (0.0, 0.0),
}
SEVERITY_WEIGHTS = {"CRITICAL": 6, "HIGH": 27, "MEDIUM": 45, "LOW": 15, "INFORMATIONAL": 3, "UNTRIAGED": 4}
VECTORS = (
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:L/A:N",
    "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
    "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H",
    "CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:C/C:L/I:L/A:N",
)

OS_PACKAGES = (
    ("openssl", "3.0.8", "3.0.14"),
    ("curl", "8.3.0", "8.9.1"),
    ("glibc", "2.34", "2.34-117"),
    ("zlib", "1.2.11", "1.3.1"),
    ("kernel", "6.1.79", "6.1.102"),
    ("bash", "5.2.15", "5.2.26"),
    ("libxml2", "2.10.4", "2.12.9"),
    ("sudo", "1.9.13", "1.9.15"),
    ("openssh-server", "8.7p1", "9.8p1"),
    ("systemd", "252.4", "252.23"),
    ("expat", "2.5.0", "2.6.3"),
    ("krb5-libs", "1.20.1", "1.21.3"),
    ("python3", "3.9.16", "3.9.20"),
    ("vim-minimal", "9.0.2120", "9.1.0697"),
    ("tar", "1.34", "1.35"),
    ("libcurl4", "7.88.1", "7.88.1-10+deb12u7"),
)
LIBRARIES = (
    ("requests", "2.28.1", "2.32.0", "PYTHONPKG", "requirements.txt"),
    ("urllib3", "1.26.9", "1.26.19", "PYTHONPKG", "requirements.txt"),
    ("jinja2", "3.1.2", "3.1.4", "PYTHONPKG", "site-packages/jinja2-3.1.2.dist-info/METADATA"),
    ("lodash", "4.17.20", "4.17.21", "NPM", "node_modules/lodash/package.json"),
    ("axios", "0.27.2", "1.7.4", "NPM", "node_modules/axios/package.json"),
    ("express", "4.18.1", "4.20.0", "NPM", "node_modules/express/package.json"),
    ("ws", "8.5.0", "8.17.1", "NPM", "node_modules/ws/package.json"),
    ("org.yaml:snakeyaml", "1.30", "2.0", "JAR", "app/lib/snakeyaml-1.30.jar"),
    ("com.fasterxml.jackson.core:jackson-databind", "2.13.2", "2.13.4.2", "JAR", "app/lib/jackson-databind-2.13.2.jar"),
    ("golang.org/x/net", "v0.7.0", "v0.23.0", "GOMOD", "go.mod"),
    ("rack", "2.2.4", "2.2.9", "BUNDLER", "Gemfile.lock"),
    ("Newtonsoft.Json", "12.0.3", "13.0.1", "NUGET", "app.deps.json"),
)
FLAWS = (
    "allows a remote attacker to run code with a crafted request",
    "reads beyond the end of a buffer when it parses a malformed header",
    "can be made to use all memory by a deeply nested document",
    "follows a symbolic link while it writes a temporary file, which lets a local user overwrite files",
    "does not check the certificate of a redirected connection",
    "uses memory after it was freed when two requests end at the same moment",
    "takes quadratic time on a long run of separators",
    "discloses a token in its log when debugging is switched on",
)

PORTS = (
    ("SSH", 22, 22, "HIGH"),
    ("RDP", 3389, 3389, "HIGH"),
    ("HTTP", 80, 80, "MEDIUM"),
    ("HTTPS", 443, 443, "LOW"),
    ("PostgreSQL", 5432, 5432, "HIGH"),
    ("Redis", 6379, 6379, "HIGH"),
    ("a range of ports", 1024, 65535, "MEDIUM"),
    ("DNS", 53, 53, "INFORMATIONAL"),
)

WEAKNESSES = (
    (
        "CWE-89",
        "SQL injection",
        "python/sql-injection@v1.0",
        "HIGH",
        "A query is put together from text of the request.",
    ),
    (
        "CWE-798",
        "Hardcoded credentials",
        "python/hardcoded-credentials@v1.0",
        "CRITICAL",
        "A secret is written into the source.",
    ),
    ("CWE-78", "OS command injection", "python/os-command-injection@v1.0", "HIGH", "Untrusted text reaches a shell."),
    (
        "CWE-22",
        "Path traversal",
        "javascript/path-traversal@v1.0",
        "HIGH",
        "A file name from outside is opened unchecked.",
    ),
    (
        "CWE-327",
        "Insecure cryptography",
        "java/insecure-cryptography@v1.0",
        "MEDIUM",
        "A weak algorithm protects data.",
    ),
    ("CWE-117", "Log injection", "javascript/log-injection@v1.0", "LOW", "Line breaks from outside reach the log."),
    (
        "CWE-311",
        "Missing encryption of sensitive data",
        "python/missing-encryption@v1.0",
        "MEDIUM",
        "Personal data is stored as it is.",
    ),
)

SNIPPETS = {
    "CWE-89": (
        "def find(event):",
        '    name = event["name"]',
        '    query = "SELECT * FROM orders WHERE name = \'" + name + "\'"',
        "    return run(query)",
    ),
    "CWE-798": (
        "def connect():",
        '    user = "reporting"',
        '    password = "example-only"',
        "    return open_connection(user, password)",
    ),
    "CWE-78": (
        "def convert(event):",
        '    source = event["file"]',
        '    command = f"convert {source} out.png"',
        "    return os.system(command)",
    ),
}
"""Source lines around a weakness, the marked one third."""
PLAIN_SNIPPET = (
    "def lambda_handler(event, context):",
    '    value = event["value"]',
    "    result = process(value)",
    '    return {"body": result}',
)


@cache
def vulnerabilities() -> tuple[tuple[str, str, Details], ...]:
    """(kind of package, severity, details) of every vulnerability that the stand-in knows; "os" or "library"."""
    random = Random(20251)
    made = [_vulnerability(random, number, "os", OS_PACKAGES[number % len(OS_PACKAGES)]) for number in range(96)]
    made += [_vulnerability(random, 96 + n, "library", LIBRARIES[n % len(LIBRARIES)]) for n in range(72)]
    return tuple(made)


def _vulnerability(random: Random, number: int, kind: str, package: tuple[str, ...]) -> tuple[str, str, Details]:
    name, version, fixed = package[:3]
    severity = random.choices(list(SEVERITY_WEIGHTS), list(SEVERITY_WEIGHTS.values()))[0]
    score = round(random.uniform(*SCORES[severity]), 1)
    identifier = f"CVE-{random.randint(2021, 2026)}-{90000 + number}"
    fixable = random.random() < 0.75
    flaw = random.choice(FLAWS)
    published = 1_650_000_000.0 + random.randint(0, 140_000_000)
    packages = [_package(random, kind, package, version, fixed, fixable)]
    if random.random() < 0.4:
        packages.append(packages[0] | {"name": f"{name.removesuffix('-libs')}-devel"})
    source = "NVD" if kind == "library" else "AMAZON_LINUX"
    details: dict[str, Any] = {
        "title": f"{identifier} - " + ", ".join(one["name"] for one in packages),
        "description": f"A flaw was found in {name} before {fixed}: it {flaw}.",
        "remediation": {
            "recommendation": {"text": f"Update {name} to {fixed} or later." if fixable else "None Provided"}
        },
        "fixAvailable": "YES" if fixable else "NO",
        "exploitAvailable": "YES" if random.random() < 0.12 else "NO",
        "epss": {"score": round(random.betavariate(0.5, 20), 5)},
        "packageVulnerabilityDetails": {
            "vulnerabilityId": identifier,
            "source": source,
            "sourceUrl": f"https://nvd.nist.gov/vuln/detail/{identifier}",
            "vendorSeverity": severity.capitalize() if random.random() < 0.5 else severity,
            "vendorCreatedAt": published,
            "vendorUpdatedAt": published + random.randint(0, 9_000_000),
            "referenceUrls": [f"https://nvd.nist.gov/vuln/detail/{identifier}"],
            "relatedVulnerabilities": [],
            "vulnerablePackages": packages,
            "cvss": [],
        },
    }
    if severity not in ("INFORMATIONAL", "UNTRIAGED"):
        details |= _score(random, details["packageVulnerabilityDetails"], source, score)
    if details["exploitAvailable"] == "YES":
        details["exploitabilityDetails"] = {"lastKnownExploitAt": published + 5_000_000}
    return kind, severity, details


def _score(random: Random, vulnerability: dict[str, Any], source: str, score: float) -> dict[str, Any]:
    """Give the vulnerability its CVSS and, for most, return the members with Inspector's own score."""
    vector = random.choice(VECTORS)
    vulnerability["cvss"] = [{"baseScore": score, "scoringVector": vector, "version": "3.1", "source": source}]
    if random.random() > 0.8:
        return {}
    adjusted = {
        "scoreSource": source,
        "cvssSource": source,
        "version": "3.1",
        "score": score,
        "scoringVector": vector,
        "adjustments": [],
    }
    return {"inspectorScore": score, "inspectorScoreDetails": {"adjustedCvss": adjusted}}


def _package(
    random: Random, kind: str, package: tuple[str, ...], version: str, fixed: str, fixable: bool
) -> dict[str, Any]:
    made: dict[str, Any] = {"name": package[0], "version": version}
    if kind == "os":
        made |= {"epoch": 0, "release": f"{random.randint(1, 40)}.amzn2023", "arch": "X86_64", "packageManager": "OS"}
    else:
        made |= {"packageManager": package[3], "filePath": package[4]}
    if fixable:
        made |= {"fixedInVersion": fixed, "remediation": f"Update {package[0]} to {fixed}"}
    return made


@cache
def network_paths() -> tuple[tuple[str, Details], ...]:
    """(severity, details) of every network path; ids of components are shared by all who have the finding."""
    random = Random(20252)
    made = []
    for name, begin, end, severity in PORTS:
        for protocol in ("TCP", "UDP") if begin == 53 else ("TCP",):
            ports = f"port {begin}" if begin == end else f"ports {begin}-{end}"
            text = f"On the instance, {ports} ({name}) can be reached over the internet with {protocol}."
            steps = [
                {"componentId": f"{prefix}-{random.getrandbits(68):017x}", "componentType": f"AWS::EC2::{kind}"}
                for prefix, kind in (
                    ("igw", "InternetGateway"),
                    ("acl", "NetworkAcl"),
                    ("sg", "SecurityGroup"),
                    ("eni", "NetworkInterface"),
                )
            ]
            details = {
                "title": f"{ports.capitalize()} is reachable from an Internet Gateway - {protocol}",
                "description": text,
                "remediation": {
                    "recommendation": {"text": "Close the security group or the network ACL to the internet."}
                },
                "networkReachabilityDetails": {
                    "openPortRange": {"begin": begin, "end": end},
                    "protocol": protocol,
                    "networkPath": {"steps": steps},
                },
            }
            made.append((severity, details))
    return tuple(made)


@cache
def code_weaknesses() -> tuple[tuple[str, Details], ...]:
    """(severity, details) of every weakness found in source code."""
    made = []
    for number, (cwe, title, detector, severity, text) in enumerate(WEAKNESSES):
        language = detector.split("/")[0]
        name = {"python": "handler.py", "javascript": "index.js", "java": "Handler.java"}[language]
        for folder in ("", "src/", "lib/orders/"):
            start = 11 + 7 * number
            details = {
                "title": f"{cwe} - {title}",
                "description": text,
                "remediation": {"recommendation": {"text": "Change the marked lines; the detector's page shows how."}},
                "codeVulnerabilityDetails": {
                    "filePath": {
                        "fileName": name,
                        "filePath": f"{folder}{name}",
                        "startLine": start,
                        "endLine": start + 1,
                    },
                    "detectorId": detector,
                    "detectorName": title,
                    "detectorTags": ["security", cwe.lower(), "top25-cwes"],
                    "ruleId": f"Rule-{700 + number}",
                    "cwes": [cwe],
                    "referenceUrls": [f"https://cwe.mitre.org/data/definitions/{cwe[4:]}.html"],
                },
            }
            made.append((severity, details))
    return tuple(made)


def example(finding_type: str) -> Details:
    """The details of a finding for which none were given."""
    if finding_type == "NETWORK_REACHABILITY":
        return network_paths()[0][1]
    if finding_type == "CODE_VULNERABILITY":
        return code_weaknesses()[0][1]
    return vulnerabilities()[0][2]
