"""Django's settings. What an operator may change comes from ``okmq_site.env``; the rest is decided here."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from okmq_site import databases, env, logs, secret
from okmq_site.console import theme

values = env.read()

BASE_DIR = Path(__file__).resolve().parent.parent
OKMQ_DATA_DIR = Path(values["OKMQ_DATA_DIR"]).expanduser().resolve()

HOST: str = values["HOST"]
PORT: int = values["PORT"]
DEBUG: bool = values["OKMQ_DEBUG"]
ALLOWED_HOSTS: list[str] = values["OKMQ_ALLOWED_HOSTS"]
CSRF_TRUSTED_ORIGINS: list[str] = values["OKMQ_CSRF_TRUSTED_ORIGINS"]
SECRET_KEY: str = values["SECRET_KEY"] or secret.kept_in(OKMQ_DATA_DIR)
SECRET_KEY_FALLBACKS: list[str] = values["SECRET_KEY_FALLBACKS"]

DATABASES: dict[str, dict[str, Any]] = {
    "default": databases.settings_for(
        values["DATABASE_URL"],
        data_dir=OKMQ_DATA_DIR,
        pool=values["OKMQ_PG_POOL"],
        prepare=values["OKMQ_PG_PREPARE"],
    )
}
ON_POSTGRESQL = DATABASES["default"]["ENGINE"] == databases.POSTGRESQL

OKMQ_TRUST_PROXY_HEADERS: bool = values["OKMQ_TRUST_PROXY_HEADERS"]
OKMQ_CORS_ORIGIN: str = values["OKMQ_CORS_ORIGIN"].strip()
OKMQ_WRONG_KEYS_PER_MINUTE: int = values["OKMQ_WRONG_KEYS_PER_MINUTE"]
OKMQ_ANONYMOUS_ACCOUNT: str = values["OKMQ_ANONYMOUS_ACCOUNT"].strip()
OKMQ_POLL_SECONDS: int = values["OKMQ_POLL_SECONDS"]
OKMQ_FORQ_POLL_SECONDS: int = values["OKMQ_FORQ_POLL_SECONDS"]
OKMQ_FORQ_V0: bool = values["OKMQ_FORQ_V0"]
OKMQ_FORQ_REQUIRE_RECEIPT: bool = values["OKMQ_FORQ_REQUIRE_RECEIPT"]
OKMQ_FORQ_QUEUE_TTL_HOURS: int = values["OKMQ_FORQ_QUEUE_TTL_HOURS"]
OKMQ_FORQ_DLQ_TTL_HOURS: int = values["OKMQ_FORQ_DLQ_TTL_HOURS"]
OKMQ_TINYMQ_MAX_MESSAGES: int = values["OKMQ_TINYMQ_MAX_MESSAGES"]
OKMQ_MAX_REQUEST_BYTES: int = values["OKMQ_MAX_REQUEST_BYTES"]
OKMQ_MAX_CONNECTIONS: int = values["OKMQ_MAX_CONNECTIONS"]
OKMQ_REQUEST_SECONDS: int = values["OKMQ_REQUEST_SECONDS"]
OKMQ_SERVER: str = values["OKMQ_SERVER"]
OKMQ_THREADS: int = values["OKMQ_THREADS"]
OKMQ_RESERVED_THREADS: int = values["OKMQ_RESERVED_THREADS"]
# Receivers that may wait at once; past that an empty queue is answered at once.
OKMQ_MAX_PARKED = max(OKMQ_THREADS - OKMQ_RESERVED_THREADS, 0)
OKMQ_MAX_STREAMS: int = values["OKMQ_MAX_STREAMS"]
OKMQ_PROCESSES: int = values["OKMQ_PROCESSES"] or (2 if ON_POSTGRESQL else 1)
OKMQ_HOUSEKEEPING_SECONDS: int = values["OKMQ_HOUSEKEEPING_SECONDS"]
OKMQ_SWEEP_SECONDS: int = values["OKMQ_SWEEP_SECONDS"]
OKMQ_APPS: list[str] = values["OKMQ_APPS"]
OKMQ_TASK_CONCURRENCY: int = values["OKMQ_TASK_CONCURRENCY"]
OKMQ_DEMO_STEP_MS: int = values["OKMQ_DEMO_STEP_MS"]
OKMQ_STOP_SECONDS: int = values["OKMQ_STOP_SECONDS"]
OKMQ_AUDIT_DAYS: int = values["OKMQ_AUDIT_DAYS"]
OKMQ_EGRESS_ALLOW: list[str] = values["OKMQ_EGRESS_ALLOW"]
OKMQ_PUSH_CONCURRENCY: int = values["OKMQ_PUSH_CONCURRENCY"]
OKMQ_PUSH_LOG_DAYS: int = values["OKMQ_PUSH_LOG_DAYS"]
OKMQ_SAMPLE_HOURS: int = values["OKMQ_SAMPLE_HOURS"]
OKMQ_SAMPLE_DAYS: int = values["OKMQ_SAMPLE_DAYS"]
OKMQ_EVENT_DAYS: int = values["OKMQ_EVENT_DAYS"]
OKMQ_TASK_RETENTION_HOURS: int = values["OKMQ_TASK_RETENTION_HOURS"]
OKMQ_LOG_LEVEL: str = values["OKMQ_LOG_LEVEL"]
OKMQ_ACCESS_LOG: bool = values["OKMQ_ACCESS_LOG"]
OKMQ_METRICS_ENABLED: bool = values["OKMQ_METRICS_ENABLED"]
OKMQ_METRICS_SECRET: str = values["OKMQ_METRICS_SECRET"]
OKMQ_METRICS_QUEUES: int = values["OKMQ_METRICS_QUEUES"]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "okmq_site.console.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "accounts",
    "queues",
    "streams",
    "django_tasks",
    *OKMQ_APPS,
]
# Only apps of the operator's own enqueue any.
TASKS: dict[str, dict[str, Any]] = (
    {"default": {"BACKEND": "queues.tasks.backend.OKMQBackend", "QUEUES": []}} if OKMQ_APPS else {}
)

# The console's middleware. API paths do not pass it: see okmq_site/wsgi.py.
MIDDLEWARE = [
    "okmq_site.console.policy.ConsolePolicy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "okmq_site.acting.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
CONSOLE_PREFIXES = ("/admin/", "/docs/", "/static/")

ROOT_URLCONF = "okmq_site.urls"
WSGI_APPLICATION = "okmq_site.wsgi.application"
# The APIs accept one trailing slash in their routes; a redirect would lose a POST's body.
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["okmq_site.console.tags"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Wrong console passwords. In the database, so that all processes and machines count as one; written only when
# a login fails, and forgotten when the pause is over, so nobody can fill it or keep SQLite busy with it.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_LOCKOUT_CALLABLE = "okmq_site.console.login.locked_out"
AXES_CLIENT_IP_CALLABLE = "okmq_site.console.login.address"
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = "okmq_site.formats"

UNFOLD = theme.UNFOLD

# The console's static files are served from where their packages keep them: nothing to collect first.
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# OKMQ_MAX_REQUEST_BYTES bounds request bodies (queues/api/body.py), not Django.
DATA_UPLOAD_MAX_MEMORY_SIZE = None

REST_FRAMEWORK: dict[str, Any] = {
    # A dialect names its own authentication, parser and renderer; nothing is inherited by accident.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "queues.api.openapi.schema.DialectSchema",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,
}
# Titles and versions are each document's own: queues/api/openapi.
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "OAS_VERSION": "3.1.1",
    # Enums stay where they are used, and need no list of their values in prose.
    "POSTPROCESSING_HOOKS": [],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # What it could not describe says nothing about a deployment; `check --deploy` is to stay clean.
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
}

SESSION_COOKIE_NAME = "okmq_session"
CSRF_COOKIE_NAME = "okmq_csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
if values["OKMQ_SECURE"]:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

LOGGING: dict[str, Any] = logs.configuration(
    values["OKMQ_LOG_FORMAT"] or logs.default_format(), OKMQ_LOG_LEVEL
)
