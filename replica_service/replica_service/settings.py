"""Settings, from the environment only: nothing secret has a default, nothing here is per place.

``SECRET_KEY`` and ``DATABASE_URL`` must be set; every other variable has a safe default. What is
in ``SECRETS`` may also come from a file, which ``NAME_FILE`` names.
"""

import os
from typing import Any

import environ

from replica_service.database import database_settings
from replica_service.environment import required, with_password, with_secret_files
from replica_service.rates import rate

SECRETS = (
    "SECRET_KEY",
    "DATABASE_URL",
    "DATABASE_PASSWORD",
    "CQRS_URL",
    "CQRS_SIGNING_KEYS",
)
env = environ.Env()
env.ENVIRON = with_secret_files(os.environ, SECRETS)
for url, password in (("DATABASE_URL", "DATABASE_PASSWORD"), ("CQRS_URL", "CQRS_PASSWORD")):
    if url in env.ENVIRON:
        env.ENVIRON[url] = with_password(env.ENVIRON, url, password)

SECRET_KEY: str = required(env.ENVIRON, "SECRET_KEY")
DEBUG: bool = env.bool("DEBUG", default=False)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

#: Behind a proxy that ends TLS, sets X-Forwarded-Proto and appends to X-Forwarded-For.
BEHIND_TLS: bool = env.bool("BEHIND_TLS", default=False)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "dj_cqrs",
    "dj_cqrs.inbox",
    "replica_service.storefront",
    "replica_service.playlists",
    "replica_service.sales",
]

MIDDLEWARE = [
    "replica_service.headers.security_headers_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "replica_service.urls"
WSGI_APPLICATION = "replica_service.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, Any] = {"default": database_settings(env.db("DATABASE_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

#: ``id:key,id:key``, those of the master; every message has to be signed with one of them then.
CQRS_SIGNING_KEYS: str = env("CQRS_SIGNING_KEYS", default="")
CQRS_CA_FILE: str = env("CQRS_CA_FILE", default="")
CQRS: dict[str, Any] = {
    "transport": env("CQRS_TRANSPORT", default="dj_cqrs.transport.RabbitMQTransport"),
    # Only the consumer connects; the web processes never do.
    "url": env("CQRS_URL", default="amqp://localhost:5672/"),
    # For amqps: whose certificates are trusted, if not those that the system trusts.
    "tls": {"ca_file": CQRS_CA_FILE} if CQRS_CA_FILE else None,
    "queue": env("CQRS_QUEUE", default="storefront"),
    "signing": {
        "keys": CQRS_SIGNING_KEYS,
        "required": env.bool("CQRS_SIGNING_REQUIRED", default=True),
    }
    if CQRS_SIGNING_KEYS
    else None,
    # Read for every connection, so that it can be rotated; CQRS_URL then has none.
    "password_file": env("CQRS_PASSWORD_FILE", default=None),
    # From when on /readyz and cqrs_status say that this service does not do its work.
    "health": {
        "backlog_seconds": env.int("HEALTH_BACKLOG_SECONDS", default=300),
        "stuck_seconds": env.int("HEALTH_STUCK_SECONDS", default=60),
    },
    "replica": {
        "CQRS_MAX_RETRIES": env.int("CQRS_MAX_RETRIES", default=30),
        "CQRS_RETRY_DELAY": env.int("CQRS_RETRY_DELAY", default=2),
    },
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{validator}"}
    for validator in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

REST_FRAMEWORK = {
    # Open to read, and nothing can be written.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_THROTTLE_CLASSES": ["replica_service.api.throttling.ByAddress"],
    # For each client and web process.
    "DEFAULT_THROTTLE_RATES": {
        "address": rate("THROTTLE_ADDRESS", env("THROTTLE_ADDRESS", default="300/second")),
    },
    # Proxies that X-Forwarded-For is believed from; without any it is whatever a client says.
    "NUM_PROXIES": env.int("PROXIES", default=1 if BEHIND_TLS else 0),
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "replica_service.api.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "replica_service.api.ordering.StableOrdering",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "replica_service.api.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Replica service",
    "DESCRIPTION": "The shop's storefront: a read-only copy of the catalogue, a moment behind "
    "the master. What is written is written there.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/",
    # From this service's own static files: the page works without the internet.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "replica_service.api.schema.describe_errors",
    ],
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
# Straight from the installed packages: there is no collectstatic step to forget.
WHITENOISE_USE_FINDERS = True

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^(livez|readyz)$"]
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
DEFAULT_EXCEPTION_REPORTER_FILTER = "replica_service.error_reports.ReporterFilter"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "logfmt": {
            "format": "time={asctime} level={levelname} logger={name} pid={process} {message}",
            "style": "{",
        },
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "logfmt",
        },
    },
    "root": {"handlers": ["stdout"], "level": env("LOG_LEVEL", default="INFO")},
    # Django's own handlers go to stderr or to the mail; the root's does for all.
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # It tells every step of a connection; what matters of it, dj_cqrs says in its own words.
        "pika": {"level": "ERROR"},
    },
}
