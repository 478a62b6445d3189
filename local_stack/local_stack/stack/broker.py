"""Who may do what on the stack's broker, and the limits of its queues.

docker-compose.yml holds the same definitions for the container; a test keeps them equal.
"""

from typing import Any
from urllib.parse import quote

from local_stack.broker_users import BrokerUser, QueuePolicy, TopicRights, definitions
from local_stack.errors import ServerUnavailableError, StackError
from local_stack.rabbitmq_node import install_scripts
from local_stack.stack.environment import Environment

#: A quorum queue gives up on a message after so many deliveries that were not settled, and hands
#: it to the dead letters. High, because a crash counts against all that the consumer held; set,
#: because RabbitMQ 3 has no limit and RabbitMQ 4 a low one.
DELIVERY_LIMIT = 1000
#: The notifier's queue.
NOTIFIER_QUEUE = "notifier"
#: Where masters publish.
EXCHANGE = "cqrs"


def broker_definitions(environment: Environment) -> dict[str, Any]:
    """Build the definitions of the broker: one user for each service, and no guest.

    The exchange is among them. A service that could create it could delete it as well, and with it
    the way of all others' messages; its master alone may.
    """
    return definitions(
        users=[
            BrokerUser("admin", environment["RABBITMQ_ADMIN_PASSWORD"], tags="administrator"),
            # Whatever it publishes is its own: a limit to its keys would protect nobody. Where
            # several masters share the exchange, each gets its own models as a topic right.
            BrokerUser(
                "master",
                environment["RABBITMQ_MASTER_PASSWORD"],
                configure=f"^{EXCHANGE}$",
                write=f"^{EXCHANGE}$",
                read="^$",
            ),
            _reader("replica", environment, queue=environment["CQRS_QUEUE"]),
            # Without a database: what has to be tried again waits in the broker.
            _reader("notifier", environment, queue=NOTIFIER_QUEUE, delays=True),
        ],
        topic_exchanges=[EXCHANGE],
        policies=[
            QueuePolicy(
                "limits",
                f"^({environment['CQRS_QUEUE']}|{NOTIFIER_QUEUE})$",
                {"delivery-limit": DELIVERY_LIMIT},
            )
        ],
    )


def _reader(
    name: str, environment: Environment, *, queue: str, delays: bool = False
) -> BrokerUser:
    """A service that has queues of its own, binds them to the exchange, and publishes nowhere.

    Without the right to write to the exchange: topic rights are not asked when a queue's dead
    letters, or another exchange bound to it, bring a message there.
    """
    names = [queue, f"dead_letter_{queue}"]
    if delays:
        names += [f"retry_{queue}", rf"delay_{queue}(_\d+ms)?"]
    own = "|".join(names)
    return BrokerUser(
        name,
        environment[f"RABBITMQ_{name.upper()}_PASSWORD"],
        configure=f"^({own})$",
        write=f"^({own})$",
        read=f"^({EXCHANGE}|{own})$",
        # One model, for everybody or for this service: no wildcards, and not what is sent to
        # another service alone.
        topics={
            EXCHANGE: TopicRights(write="^$", read=rf"^(cqrs\.(dead_letter_)?{queue}\.)?[^.#*]+$")
        },
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
