"""A broker as the stack defines it: one user for each service, TLS, and nobody else."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.certificates import Authority, TLSListener
from local_stack.ports import free_ports
from local_stack.rabbitmq import PrivateRabbitMQ
from local_stack.stack.broker import broker_definitions
from local_stack.stack.environment import DEFAULTS, SECRETS, Environment


@dataclass(frozen=True, slots=True)
class GuardedBroker:
    """The broker, and what a service needs to come in.

    Attributes:
        ca_file: Whose certificates are to be trusted.
        tls_port: Where it speaks TLS.
        passwords: Of its users, by name.
    """

    node: PrivateRabbitMQ
    ca_file: Path
    tls_port: int
    passwords: dict[str, str]

    def url(self, user: str) -> str:
        """AMQP URL for a user, with its password."""
        return self.node.url_of(user, self.passwords[user])

    def tls_url(self, user: str) -> str:
        """AMQP URL over TLS for a user, without its password."""
        return f"amqps://{user}@localhost:{self.tls_port}/"


@contextmanager
def guarded_broker(directory: Path) -> Iterator[GuardedBroker]:
    """Run a broker with the definitions of the stack and with secrets of its own."""
    variables = {**DEFAULTS, **{name: secrets.token_urlsafe(24) for name in SECRETS}}
    definitions = broker_definitions(Environment(directory, variables))
    authority = Authority(directory)
    server = authority.sign("broker", alternative_names="DNS:localhost")
    (tls_port,) = free_ports(1)
    listener = TLSListener(
        port=tls_port,
        ca_file=authority.ca_file,
        cert_file=server.cert_file,
        key_file=server.key_file,
    )
    with PrivateRabbitMQ(tls=listener, users=definitions) as node:
        yield GuardedBroker(node, authority.ca_file, tls_port, _passwords(definitions))


def _passwords(definitions: dict[str, Any]) -> dict[str, str]:
    return {user["name"]: user["password"] for user in definitions["users"]}
