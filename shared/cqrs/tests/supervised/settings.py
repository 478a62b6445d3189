"""Settings for consuming processes of the supervisor's tests: no database, an empty broker."""

import os

SECRET_KEY = "tests"
USE_TZ = True
INSTALLED_APPS = ["dj_cqrs", "tests.supervised"]
CQRS = {
    "transport": f"tests.supervised.transport.{os.environ.get('TRANSPORT', 'IdleTransport')}",
    "queue": "replica",
}
LOGGING = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django-cqrs": {"handlers": ["console"], "level": "INFO"}},
}
