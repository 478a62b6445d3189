"""Settings of those processes: one SQLite file, and the broker that the environment names."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES as _DATABASES

DATABASES = {"default": {**_DATABASES["default"], "NAME": os.environ["END_TO_END_DATABASE"]}}
CQRS = json.loads(os.environ["END_TO_END_CQRS"])
