"""What the environment says, checked: a wrong or missing value stops the start with one clear line."""

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE)
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+")
SHORTEST_SECRET_KEY = 32
SHORTEST_TOKEN = 16
CANNOT_START = 3
"""The exit code of a server whose environment is wrong. gunicorn starts no further workers after it."""

env = environ.Env()


@contextmanager
def said_in_one_line() -> Iterator[None]:
    """End the process with the reason alone, instead of a traceback, when the environment is wrong."""
    try:
        yield
    except ImproperlyConfigured as error:
        print(f"Cannot start: {error}", file=sys.stderr, flush=True)
        raise SystemExit(CANNOT_START) from None


def text(name: str, default: str = "") -> str:
    """As it stands there: django-environ would take a value that begins with `$` for the name of another variable."""
    return os.environ.get(name, default).strip()


def number(name: str, default: float, *, at_least: float, at_most: float) -> float:
    raw = text(name, str(default))
    try:
        value = float(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {raw!r}.") from None
    if not at_least <= value <= at_most:
        raise ImproperlyConfigured(f"{name} must be between {at_least:g} and {at_most:g}, not {raw!r}.")
    return value


def switch(name: str, *, default: bool) -> bool:
    raw = text(name, "1" if default else "0").lower()
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {raw!r}.")


def words(name: str) -> list[str]:
    return [word.strip() for word in text(name).split(",") if word.strip()]


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default).upper()
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def secret_key() -> str:
    """SECRET_KEY, or the content of the file that SECRET_KEY_FILE names."""
    path = text("SECRET_KEY_FILE")
    key = content_of("SECRET_KEY_FILE", path) if path else text("SECRET_KEY")
    if not key:
        raise ImproperlyConfigured("SECRET_KEY or SECRET_KEY_FILE is missing: give a long random text.")
    if len(key) < SHORTEST_SECRET_KEY or key.startswith("django-insecure-"):
        raise ImproperlyConfigured(f"SECRET_KEY is too weak: give at least {SHORTEST_SECRET_KEY} random characters.")
    return key


def log_level() -> str:
    return choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))


def log_format() -> str:
    """JSON for collectors; text where a person develops."""
    default = "text" if switch("DEBUG", default=False) else "json"
    return choice("COVERAGE_LOG_FORMAT", default, ("TEXT", "JSON")).lower()


def metrics_token() -> str:
    """What a monitor must show to read /metrics and the details of /readyz. Empty: there is none."""
    path = text("COVERAGE_METRICS_TOKEN_FILE")
    token = content_of("COVERAGE_METRICS_TOKEN_FILE", path) if path else text("COVERAGE_METRICS_TOKEN")
    if (token or path) and len(token) < SHORTEST_TOKEN:
        raise ImproperlyConfigured(f"COVERAGE_METRICS_TOKEN is too weak: give at least {SHORTEST_TOKEN} characters.")
    return token


@dataclass(frozen=True)
class SingleSignOn:
    """The OpenID Connect provider that people may log in with."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str


def single_sign_on(*, plain_http: bool) -> SingleSignOn | None:
    """None without an issuer. The secret may stand in a file."""
    issuer, client_id = text("COVERAGE_OIDC_ISSUER"), text("COVERAGE_OIDC_CLIENT_ID")
    path = text("COVERAGE_OIDC_CLIENT_SECRET_FILE")
    secret = content_of("COVERAGE_OIDC_CLIENT_SECRET_FILE", path) if path else text("COVERAGE_OIDC_CLIENT_SECRET")
    name = text("COVERAGE_OIDC_NAME") or "single sign-on"
    if not issuer:
        if client_id or secret:
            raise ImproperlyConfigured("COVERAGE_OIDC_ISSUER is missing: give the address of the identity provider.")
        return None
    parts = urlsplit(issuer)
    if parts.scheme not in ({"http", "https"} if plain_http else {"https"}) or not parts.netloc or parts.query:
        raise ImproperlyConfigured(
            f"COVERAGE_OIDC_ISSUER must be an address such as https://login.example.com, not {issuer!r}."
        )
    if not client_id or not secret:
        raise ImproperlyConfigured(
            "COVERAGE_OIDC_CLIENT_ID and COVERAGE_OIDC_CLIENT_SECRET (or …_FILE) must be set with COVERAGE_OIDC_ISSUER."
        )
    return SingleSignOn(issuer, client_id, secret, name)


def content_of(name: str, path: str) -> str:
    """The text of a file that a variable names."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name} cannot be read: {error}.") from None


def allowed_hosts(*, debug: bool) -> list[str]:
    hosts = words("ALLOWED_HOSTS")
    if "*" in hosts:
        raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts; * would accept every one.")
    if wrong := [host for host in hosts if not HOST.fullmatch(host)]:
        raise ImproperlyConfigured(
            f"ALLOWED_HOSTS takes names such as coverage.example.com, without scheme, port and path, not {wrong[0]!r}."
        )
    if not hosts and not debug:
        raise ImproperlyConfigured(
            "ALLOWED_HOSTS is missing: name the host that people type, for example coverage.example.com."
        )
    return hosts


def trusted_origins() -> list[str]:
    origins = words("CSRF_TRUSTED_ORIGINS")
    for origin in origins:
        parts = _split(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
            raise ImproperlyConfigured(
                f"CSRF_TRUSTED_ORIGINS takes addresses such as https://coverage.example.com, not {origin!r}."
            )
    return origins


def regions() -> list[str]:
    """The Regions to read. There is no default: probing every Region costs calls and answers nothing asked for."""
    names = words("COVERAGE_REGIONS")
    if not names:
        raise ImproperlyConfigured(
            "COVERAGE_REGIONS is missing: name the Regions to read, for example us-east-1,eu-west-1."
            " `aws account list-regions --region-opt-status-contains ENABLED ENABLED_BY_DEFAULT` lists yours."
        )
    wrong = [name for name in names if not REGION.fullmatch(name)]
    if wrong:
        raise ImproperlyConfigured(f"COVERAGE_REGIONS: {wrong[0]!r} is not the name of a Region, such as us-east-1.")
    return list(dict.fromkeys(names))


def _split(address: str) -> SplitResult:
    """The parts of an address; of one that is none, no parts."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _port(address: str, name: str) -> None:
    try:
        urlsplit(address).port  # noqa: B018  reading it is the check
    except ValueError:
        raise ImproperlyConfigured(f"{name} is no address: its host or port cannot be read.") from None


def check_aws_endpoint() -> None:
    """The SDK reads the variable itself; of a wrong value it would tell at each call."""
    address = text("AWS_ENDPOINT_URL")
    if address and (_split(address).scheme not in {"http", "https"} or not _split(address).hostname):
        raise ImproperlyConfigured(f"AWS_ENDPOINT_URL must begin with http:// or https://, not {address!r}.")
    _port(address, "AWS_ENDPOINT_URL")


def role_arn(name: str) -> str:
    arn = text(name)
    if arn and not ROLE_ARN.fullmatch(arn):
        raise ImproperlyConfigured(f"{name} must be the ARN of an IAM role, not {arn!r}.")
    return arn


def redis_url() -> str:
    url = text("REDIS_URL")
    if url and not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://.")
    _port(url, "REDIS_URL")
    return url


def broker_url(redis: str) -> str:
    """Celery names the socket transport `redis+socket`; everything else calls the same address `unix`."""
    return redis.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


def database(base_dir: Path) -> dict[str, Any]:
    """SQLite waits for its lock instead of failing (IMMEDIATE, WAL); PostgreSQL keeps a pool of connections."""
    raw = text("DATABASE_URL") or f"sqlite:///{base_dir / 'var' / 'coverage.sqlite3'}"
    try:
        with warnings.catch_warnings(action="ignore"):  # We say below what it warns of.
            config: dict[str, Any] = dict(env.db_url_config(raw))
    except (ValueError, environ.ImproperlyConfigured):
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read: give postgres://user:password@host:5432/name or sqlite:///path."
        ) from None
    engine = config.get("ENGINE")
    if not str(engine).endswith("sqlite3"):
        _port(raw, "DATABASE_URL")
    if engine == "django.db.backends.sqlite3":
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        }
        try:
            Path(config["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImproperlyConfigured(f"DATABASE_URL: the folder of the database cannot be made: {error}.") from None
    elif engine in {"django.db.backends.postgresql", "django.db.backends.postgresql_psycopg2"}:
        config["ENGINE"] = "django.db.backends.postgresql"
        config["CONN_HEALTH_CHECKS"] = True
        config["OPTIONS"] = {
            **config.get("OPTIONS", {}),
            # Given up soon, so that the next request tries anew: by itself the pool waits twice as long each time.
            "pool": {"min_size": 1, "max_size": 8, "timeout": 5, "reconnect_timeout": 3},
        }
    else:
        raise ImproperlyConfigured("DATABASE_URL must name PostgreSQL (postgres://…) or SQLite (sqlite:///…).")
    return config
