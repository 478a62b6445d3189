"""Who may do what on the stack's broker, and the limits of its queues.

docker-compose.yml holds the same definitions for the container; a test keeps them equal.
"""

from typing import Any
from urllib.parse import quote

from local_stack.broker_users import BrokerUser, QueuePolicy, definitions
from local_stack.errors import ServerUnavailableError, StackError
from local_stack.rabbitmq_node import install_scripts
from local_stack.stack.environment import Environment

#: A quorum queue gives up on a message after so many deliveries that were not settled, and hands
#: it to the dead letters. High, because a crash counts against all that the consumer held; set,
#: because RabbitMQ 3 has no limit and RabbitMQ 4 a low one.
DELIVERY_LIMIT = 1000
#: The notifier's queue.
NOTIFIER_QUEUE = "notifier"
_NOTIFIER_QUEUES = "|".join(
    name.format(NOTIFIER_QUEUE) for name in ("{}", "dead_letter_{}", "(delay|retry)_{}.*")
)


def broker_definitions(environment: Environment) -> dict[str, Any]:
    """Build the definitions of the broker: one user for each service, and no guest."""
    queue = environment["CQRS_QUEUE"]
    queues = f"{queue}|dead_letter_{queue}"
    return definitions(
        users=[
            BrokerUser("admin", environment["RABBITMQ_ADMIN_PASSWORD"], tags="administrator"),
            # Publishes to the exchange, and may create it: start order does not matter.
            BrokerUser(
                "master",
                environment["RABBITMQ_MASTER_PASSWORD"],
                configure="^cqrs$",
                write="^cqrs$",
                read="^$",
            ),
            # Binding a queue takes the right to write to it; nothing here publishes to `cqrs`.
            BrokerUser(
                "replica",
                environment["RABBITMQ_REPLICA_PASSWORD"],
                configure=f"^(cqrs|{queues})$",
                write=f"^({queues})$",
                read=f"^(cqrs|{queues})$",
            ),
            # Without a database: what has to be tried again waits in the broker, and a dead
            # letter goes from there back to its own queue, through the exchange.
            BrokerUser(
                "notifier",
                environment["RABBITMQ_NOTIFIER_PASSWORD"],
                configure=f"^(cqrs|{_NOTIFIER_QUEUES})$",
                write=f"^(cqrs|{_NOTIFIER_QUEUES})$",
                read=f"^(cqrs|{_NOTIFIER_QUEUES})$",
                topics={"cqrs": rf"^cqrs\.{NOTIFIER_QUEUE}\."},
            ),
        ],
        policies=[
            QueuePolicy(
                "limits", f"^({queue}|{NOTIFIER_QUEUE})$", {"delivery-limit": DELIVERY_LIMIT}
            )
        ],
    )


def service_url(environment: Environment, service: str, port: int) -> str:
    """AMQP URL of the stack's broker for one service; `CQRS_URL` points elsewhere."""
    password = environment[f"RABBITMQ_{service.upper()}_PASSWORD"]
    return environment.get("CQRS_URL") or f"amqp://{service}:{password}@127.0.0.1:{port}/"


def with_broker(environment: Environment) -> Environment:
    """Decide between RabbitMQ and a directory, where `CQRS_URL` names no broker.

    The directory is for machines where RabbitMQ neither is nor can be installed.

    Raises:
        StackError: `BROKER` asks for something else.
    """
    asked = environment.get("BROKER")
    if asked not in ("", "rabbitmq", "filesystem"):
        raise StackError(f"BROKER={asked}: write rabbitmq or filesystem")
    if environment.get("CQRS_URL"):
        return environment
    if asked == "filesystem":
        return _with_directory(environment, "BROKER=filesystem")
    try:
        install_scripts()
    except ServerUnavailableError as error:
        if asked == "rabbitmq":
            raise
        return _with_directory(environment, str(error))
    return environment


def _with_directory(environment: Environment, reason: str) -> Environment:
    directory = environment.directory / "broker"
    print(
        f"warning: messages go through files in {directory} ({reason}).\n"
        "That is for trying things on one machine: it is slow, whoever may write there may write\n"
        "to the replica, and a message that a killed process had in hand comes again late."
    )
    url = f"filesystem://{quote(str(directory))}"
    return Environment(environment.root, {**environment.variables, "CQRS_URL": url})


def transport_path(url: str) -> str:
    """Name the transport for a broker's URL."""
    is_amqp = url.startswith(("amqp://", "amqps://"))
    return f"dj_cqrs.transport.{'RabbitMQ' if is_amqp else 'Kombu'}Transport"
