"""Settings of the processes of a pipe: a master or a replica, as ``PIPE_DATABASE`` says."""

import os

SECRET_KEY = "tests"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["dj_cqrs", "dj_cqrs.outbox", "dj_cqrs.inbox", "tests.app"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["PIPE_DATABASE"]}
}
CQRS = {
    "transport": "dj_cqrs.transport.memory.MemoryTransport",
    "queue": "shop",
    "master": {},
    "replica": {},
}
