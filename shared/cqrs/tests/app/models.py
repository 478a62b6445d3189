"""All models of the tests; they live beside the side that they belong to."""

from tests.app.house_models import *  # noqa: F403
from tests.app.master_models import *  # noqa: F403
from tests.app.replica_models import *  # noqa: F403
