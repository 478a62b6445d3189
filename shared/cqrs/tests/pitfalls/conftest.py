"""The brokers of the tests of transports, commands that are run, and workers."""

from tests.commands.conftest import kept_by_broker, run, without_inbox  # noqa: F401  (fixtures)
from tests.replica.conftest import _forgetful_models, memory_broker, run_worker  # noqa: F401  (fixtures)
from tests.transport.conftest import (  # noqa: F401  (fixtures)
    amqp,
    bodies_in,
    consumer,
    cqrs,
    new_consumer,
    proxy,
    publisher,
    transport,
)
