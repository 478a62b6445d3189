"""The service's own settings, with an environment for tests."""

import os

os.environ["CQRS_QUEUE"] = "notifier"
os.environ["WEBHOOK_URL"] = ""

from notifier_service.settings import *  # noqa: F403
