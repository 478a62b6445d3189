"""Users and policies of a broker, as RabbitMQ's definitions: pure data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """A user and what it may do; each right is a regular expression over names.

    Attributes:
        topics: The routing keys that it may publish to a topic exchange, by the exchange's name;
            one that is not named here takes all, if `write` allows it.
        tags: "administrator" opens the management page, "" is a plain client.
    """

    name: str
    password: str
    configure: str = ".*"
    write: str = ".*"
    read: str = ".*"
    topics: Mapping[str, str] = field(default_factory=dict)
    tags: str = ""


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """Limits of the queues whose name matches; AMQP clients cannot set them."""

    name: str
    pattern: str
    definition: dict[str, Any]


def definitions(
    users: Iterable[BrokerUser], policies: Iterable[QueuePolicy] = ()
) -> dict[str, Any]:
    """Build the definitions that a node loads when it starts.

    A node with definitions creates no `guest` user of its own.
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
            {"user": u.name, "vhost": "/", "exchange": exchange, "write": keys, "read": ".*"}
            for u in users
            for exchange, keys in u.topics.items()
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
