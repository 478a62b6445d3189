"""The broker of the tests of transports."""

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
