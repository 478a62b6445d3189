"""Settings of the peer, from environment variables.

Which library `dj_cqrs` is depends on the interpreter alone. What only ours has, the apps of outbox
and inbox, is named in `PEER_APPS`.
"""

import json
import os
from typing import Any

SECRET_KEY = "interoperability-tests-only"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_ALL_APPS = "dj_cqrs.outbox dj_cqrs.inbox origin copies"
INSTALLED_APPS = ["dj_cqrs", *os.environ.get("PEER_APPS", _ALL_APPS).split()]

_IN_MEMORY = '{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}'
DATABASES = {"default": json.loads(os.environ.get("PEER_DATABASE", _IN_MEMORY))}

CQRS: dict[str, Any] = {
    "transport": "dj_cqrs.transport.RabbitMQTransport",
    "url": os.environ.get("PEER_BROKER", "amqp://localhost"),
    "exchange": os.environ.get("PEER_EXCHANGE", "cqrs"),
    "queue": os.environ.get("PEER_QUEUE", "copies"),
    # Ours alone, too.
    "signing": json.loads(os.environ.get("PEER_SIGNING", "null")),
    "master": {
        "CQRS_AUTO_UPDATE_FIELDS": True,
        "correlation_function": lambda signal_type, cqrs_id, _pk, _queue: (
            f"{signal_type}-{cqrs_id}"
        ),
        "meta_function": "origin.meta.describe",
    },
    "replica": {
        "CQRS_MAX_RETRIES": int(os.environ.get("PEER_MAX_RETRIES", "30")),
        "CQRS_RETRY_DELAY": 1,
        # Not a word of the contract: django-cqrs ignores it, and declares classic queues anyway.
        "queue_type": os.environ.get("PEER_QUEUE_TYPE", "quorum"),
    },
}

# A package for migrations made anew, to be compared with those of another library.
_NEW_MIGRATIONS = os.environ.get("PEER_NEW_MIGRATIONS")
MIGRATION_MODULES = (
    {app: f"{_NEW_MIGRATIONS}.{app}" for app in ("origin", "copies")} if _NEW_MIGRATIONS else {}
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(levelname)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"django-cqrs": {"handlers": ["console"], "level": "INFO"}},
}
