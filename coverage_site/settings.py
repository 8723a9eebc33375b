"""The project's settings: everything that differs between installations comes from the environment."""

from datetime import timedelta
from pathlib import Path

from celery.schedules import crontab
from csp.constants import NONE, SELF

from coverage_site import environment, logs

BASE_DIR = Path(__file__).resolve().parent.parent

# --- This installation

DEBUG = environment.switch("DEBUG", default=False)
SECRET_KEY = environment.secret_key()
ALLOWED_HOSTS = environment.allowed_hosts(debug=DEBUG)
CSRF_TRUSTED_ORIGINS = environment.trusted_origins()
LOG_LEVEL = environment.log_level()
LOG_FORMAT = environment.log_format()
REDIS_URL = environment.redis_url()
DATABASES = {"default": environment.database(BASE_DIR)}

environment.check_aws_endpoint()
COVERAGE_REGIONS = environment.regions()
COVERAGE_READ_ROLE_ARN = environment.role_arn("COVERAGE_READ_ROLE_ARN")
COVERAGE_EXTERNAL_ID = environment.text("COVERAGE_EXTERNAL_ID")
COVERAGE_METRICS_TOKEN = environment.metrics_token()
COVERAGE_BEHIND_PROXY = environment.switch("COVERAGE_BEHIND_PROXY", default=False)
COVERAGE_READ_ONLY = environment.switch("COVERAGE_READ_ONLY", default=True)
COVERAGE_WRITE_ROLE_ARN = environment.role_arn("COVERAGE_WRITE_ROLE_ARN")
COVERAGE_ALLOW_DEACTIVATION = environment.switch("COVERAGE_ALLOW_DEACTIVATION", default=False)
COVERAGE_SECOND_PERSON = environment.switch("COVERAGE_SECOND_PERSON", default=False)
COVERAGE_SESSION_IDLE = timedelta(hours=environment.number("COVERAGE_SESSION_IDLE_HOURS", 8, at_least=0.1, at_most=720))
COVERAGE_SESSION_LONGEST = timedelta(hours=environment.number("COVERAGE_SESSION_HOURS", 24, at_least=0.1, at_most=720))
COVERAGE_MOST_ACCOUNTS = int(environment.number("COVERAGE_MOST_ACCOUNTS", 500, at_least=1, at_most=10_000))
COVERAGE_SYNC_EVERY = timedelta(minutes=environment.number("COVERAGE_SYNC_MINUTES", 15, at_least=1, at_most=1440))
COVERAGE_REQUESTS_PER_SECOND = environment.number("COVERAGE_REQUESTS_PER_SECOND", 5, at_least=0.1, at_most=1000)
COVERAGE_CALLS_AT_ONCE = 2
COVERAGE_RETENTION = timedelta(days=environment.number("COVERAGE_RETENTION_DAYS", 400, at_least=1, at_most=36500))
# A complete read that would take away more than this share *and* more than this many rows waits for a person.
COVERAGE_HOLD_SHARE = environment.number("COVERAGE_HOLD_PERCENT", 30, at_least=0, at_most=100) / 100
COVERAGE_HOLD_ROWS = 20

# --- Django

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_tables2",
    "django_htmx",
    "csp",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "aws",
    "accounts",
    "scanning",
    "coverage_site",
]

MIDDLEWARE = [
    "coverage_site.middleware.request_ids",
    # Before what answers by itself: redirects to https and static files wear these headers, too.
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "coverage_site.middleware.private_responses",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "coverage_site.middleware.denials",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "coverage_site.middleware.login_for_fragments",
    "coverage_site.middleware.EndOldSessions",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

ROOT_URLCONF = "coverage_site.urls"
WSGI_APPLICATION = "coverage_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "coverage_site.context.site",
            ],
        },
    }
]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.Person"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = LOGOUT_REDIRECT_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "static/"
STATIC_ROOT = environment.text("STATIC_ROOT") or BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

CACHES = {
    "default": {
        "BACKEND": "coverage_site.caching.RedisOrMemory",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "coverage",
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- Browser security

plain_http = environment.switch("COVERAGE_INSECURE_HTTP", default=False) or DEBUG
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not plain_http
SESSION_COOKIE_NAME = "sessionid" if plain_http else "__Host-sessionid"
CSRF_COOKIE_NAME = "csrftoken" if plain_http else "__Host-csrftoken"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(COVERAGE_SESSION_IDLE.total_seconds())
SESSION_SAVE_EVERY_REQUEST = False
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = environment.switch("COVERAGE_SSL_REDIRECT", default=not plain_http)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 0 if plain_http else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not plain_http
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if COVERAGE_BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

# --- Logging in: name and password with a second factor, or single sign-on; nobody signs up

ACCOUNT_ADAPTER = "accounts.adapters.LocalLogin"
ACCOUNT_FORMS = {"login": "accounts.login_forms.LoginForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # Only the person's other sessions end.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 5 * 60
# For each of our addresses, names and people, counted in the cache that all processes share.
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key", "reauthenticate": "10/m/user"}

MFA_ADAPTER = "accounts.adapters.SecondFactor"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = plain_http

COVERAGE_OIDC = environment.single_sign_on(plain_http=plain_http)
SOCIALACCOUNT_ADAPTER = "accounts.adapters.SingleSignOn"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_QUERY_EMAIL = False
SOCIALACCOUNT_STORE_TOKENS = False

# --- Celery: the database remembers what was done; the broker may lose or repeat a task

CELERY_BROKER_URL = environment.broker_url(REDIS_URL) or None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 2 * 60 * 60, "socket_timeout": 10, "socket_connect_timeout": 5}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}
# With REMAP_SIGTERM=SIGQUIT: a worker that is told to end gives its tasks this long, then interrupts them.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_TASK_SOFT_TIME_LIMIT = 55 * 60
CELERY_TASK_TIME_LIMIT = 60 * 60
CELERY_TIMEZONE = "UTC"
# A queue of its own: only the worker that takes it needs to be able to assume the role to write with.
CELERY_TASK_ROUTES = {
    "accounts.tasks.carry_out": {"queue": "changes"},
    "accounts.tasks.change_setting": {"queue": "changes"},
}
CELERY_BEAT_SCHEDULE = {
    "say that beat, broker and worker live": {
        "task": "aws.tasks.heartbeat",
        "schedule": 20,
        "options": {"expires": 60},
    },
    "go on where a worker was lost": {"task": "scanning.tasks.resume", "schedule": 20, "options": {"expires": 60}},
    "sync every Region": {"task": "scanning.tasks.dispatch_sync", "schedule": COVERAGE_SYNC_EVERY},
    "go on with activation": {"task": "accounts.tasks.follow_up", "schedule": 10, "options": {"expires": 30}},
    "recount coverage": {"task": "scanning.tasks.recount", "schedule": crontab(hour="3", minute="17")},
    "compare with AWS": {"task": "scanning.tasks.compare_every_region", "schedule": crontab(hour="4", minute="17")},
    "remember the counters": {"task": "scanning.tasks.take_snapshots", "schedule": crontab(hour="0", minute="2")},
    "purge what is past its retention": {"task": "scanning.tasks.purge", "schedule": crontab(hour="3", minute="47")},
}

# --- Tables and logs

DJANGO_TABLES2_TEMPLATE = "_table.html"

LOGGING = logs.configuration(LOG_LEVEL, LOG_FORMAT)
