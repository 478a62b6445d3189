"""Settings of the library's own tests: a master and a replica in one process.

SQLite files by default. ``TEST_DATABASE=postgres`` runs the same tests on PostgreSQL: the server
of ``TEST_DATABASE_URL``, or one that the fixtures of local_stack start.
"""

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

SECRET_KEY = "tests"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.app.urls"
ALLOWED_HOSTS = ["testserver"]
STATIC_URL = "/static/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "dj_cqrs",
    "dj_cqrs.outbox",
    "dj_cqrs.inbox",
    "tests.app",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

CQRS = {
    "transport": "dj_cqrs.transport.memory.MemoryTransport",
    "queue": "replica",
    "master": {},
    "replica": {"CQRS_MAX_RETRIES": 3, "CQRS_RETRY_DELAY": 2},
}

TEST_DATABASE = os.environ.get("TEST_DATABASE", "sqlite")

_files = Path(tempfile.mkdtemp(prefix="dj-cqrs-tests-"))


def _sqlite(name: str) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(_files / f"{name}.sqlite3"),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        "TEST": {"NAME": str(_files / f"test_{name}.sqlite3")},
    }


def postgres(name: str, url: str) -> dict[str, object]:
    """Database settings of a PostgreSQL server; an empty URL is filled in by ``conftest.py``."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
    }


if TEST_DATABASE == "postgres":
    _url = os.environ.get("TEST_DATABASE_URL", "")
    DATABASES = {alias: postgres(f"cqrs_{alias}", _url) for alias in ("default", "second")}
else:
    DATABASES = {alias: _sqlite(alias) for alias in ("default", "second")}
