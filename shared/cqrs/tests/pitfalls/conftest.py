"""The broker of the tests of transports, and commands that are run."""

from tests.commands.conftest import kept_by_broker, run, without_inbox  # noqa: F401  (fixtures)
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
