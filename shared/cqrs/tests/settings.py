"""Settings of the library's own tests: a master and a replica in one process.

SQLite files by default. ``TEST_DATABASE=postgres`` or ``mariadb`` runs the same tests there: on
the server of ``TEST_DATABASE_URL``, or on one that the fixtures of local_stack start.
"""

import copy
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
# The default takes a third of a second for each user, on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

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


def on_server(kind: str, name: str, url: str) -> dict[str, object]:
    """Database settings of a server; an empty URL is filled in by ``conftest.py``."""
    parts = urlsplit(url)
    return {
        **copy.deepcopy(_ENGINES[kind]),
        "NAME": name,
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
    }


_ENGINES: dict[str, dict[str, object]] = {
    "postgres": {"ENGINE": "django.db.backends.postgresql"},
    "mariadb": {
        "ENGINE": "django.db.backends.mysql",
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_bin"},
    },
}
ALIASES = ("default", "second")

if TEST_DATABASE == "sqlite":
    DATABASES = {alias: _sqlite(alias) for alias in ALIASES}
else:
    _url = os.environ.get("TEST_DATABASE_URL", "")
    DATABASES = {alias: on_server(TEST_DATABASE, f"cqrs_{alias}", _url) for alias in ALIASES}
