"""Users and policies of a broker, as RabbitMQ's definitions: pure data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TopicRights:
    """Routing keys of a topic exchange: what may be published, and what a queue may be bound to.

    They limit what the right to the exchange itself allows, and give nothing.
    """

    write: str = ".*"
    read: str = ".*"


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """A user and what it may do; each right is a regular expression over names.

    Attributes:
        topics: Limits to the routing keys of topic exchanges, by the exchange's name.
        tags: "administrator" opens the management page, "" is a plain client.
    """

    name: str
    password: str
    configure: str = ".*"
    write: str = ".*"
    read: str = ".*"
    topics: Mapping[str, TopicRights] = field(default_factory=dict)
    tags: str = ""


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """Limits of the queues whose name matches; AMQP clients cannot set them."""

    name: str
    pattern: str
    definition: dict[str, Any]


def definitions(
    users: Iterable[BrokerUser],
    policies: Iterable[QueuePolicy] = (),
    topic_exchanges: Iterable[str] = (),
) -> dict[str, Any]:
    """Build the definitions that a node loads when it starts.

    A node with definitions creates no `guest` user of its own. What is defined here, nobody else
    needs the right to create.
    """
    users = list(users)
    return {
        "users": [{"name": u.name, "password": u.password, "tags": u.tags} for u in users],
        "vhosts": [{"name": "/"}],
        "permissions": [
            {
                "user": u.name,
                "vhost": "/",
                "configure": u.configure,
                "write": u.write,
                "read": u.read,
            }
            for u in users
        ],
        "topic_permissions": [
            {
                "user": u.name,
                "vhost": "/",
                "exchange": exchange,
                "write": keys.write,
                "read": keys.read,
            }
            for u in users
            for exchange, keys in u.topics.items()
        ],
        "exchanges": [
            {
                "name": name,
                "vhost": "/",
                "type": "topic",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for name in topic_exchanges
        ],
        "policies": [
            {
                "vhost": "/",
                "name": policy.name,
                "pattern": policy.pattern,
                "apply-to": "queues",
                "priority": 0,
                "definition": policy.definition,
            }
            for policy in policies
        ],
    }
