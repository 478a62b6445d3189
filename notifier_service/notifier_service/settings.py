"""Settings, from the environment only. No database, no web server, no secret key: one worker.

What is in ``SECRETS`` may also come from a file, which ``NAME_FILE`` names.
"""

import os
from typing import Any

import environ

from notifier_service.environment import with_password, with_secret_files

SECRETS = ("CQRS_URL", "CQRS_SIGNING_KEYS", "WEBHOOK_URL")
env = environ.Env()
env.ENVIRON = with_secret_files(os.environ, SECRETS)
if "CQRS_URL" in env.ENVIRON:
    env.ENVIRON["CQRS_URL"] = with_password(env.ENVIRON, "CQRS_URL", "CQRS_PASSWORD")

INSTALLED_APPS = ["dj_cqrs", "notifier_service.price_drops"]
DATABASES: dict[str, Any] = {}
TIME_ZONE = "UTC"
USE_TZ = True

#: ``id:key,id:key``, those of the master; every message has to be signed with one of them then.
CQRS_SIGNING_KEYS: str = env("CQRS_SIGNING_KEYS", default="")
CQRS_CA_FILE: str = env("CQRS_CA_FILE", default="")
CQRS: dict[str, Any] = {
    "transport": env("CQRS_TRANSPORT", default="dj_cqrs.transport.RabbitMQTransport"),
    "url": env("CQRS_URL", default="amqp://localhost:5672/"),
    # For amqps: whose certificates are trusted, if not those that the system trusts.
    "tls": {"ca_file": CQRS_CA_FILE} if CQRS_CA_FILE else None,
    "queue": env("CQRS_QUEUE", default="notifier"),
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
        # Without a database, the worker's signs of life are files.
        "directory": env("HEARTBEAT_DIRECTORY", default=None),
    },
    # Without an inbox the broker keeps what has to be tried again.
    "replica": {"CQRS_MAX_RETRIES": env.int("CQRS_MAX_RETRIES", default=30)},
}

#: Where notifications are posted to; "" for the log alone.
WEBHOOK_URL: str = env("WEBHOOK_URL", default="")
#: A receiver that takes longer is tried again: others wait behind this notification.
WEBHOOK_TIMEOUT_SECONDS = 3.0

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "logfmt": {
            "format": "time={asctime} level={levelname} logger={name} pid={process} {message}",
            "style": "{",
        },
        "bare": {"format": "{message}", "style": "{"},
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "logfmt",
        },
        # Lines of JSON, for whoever collects the log.
        "notifications": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "bare",
        },
    },
    "root": {"handlers": ["stdout"], "level": env("LOG_LEVEL", default="INFO")},
    "loggers": {
        "notifications": {"handlers": ["notifications"], "level": "INFO", "propagate": False},
        # Every request would be a line of its own beside ours.
        "httpx": {"level": "WARNING"},
        "pika": {"level": "ERROR"},
    },
}
