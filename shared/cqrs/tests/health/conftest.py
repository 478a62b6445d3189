"""Fixtures of the tests of health."""

from tests.commands.conftest import without_inbox
from tests.replica.conftest import memory_broker, publish

__all__ = ["memory_broker", "publish", "without_inbox"]
