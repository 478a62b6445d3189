"""amqps, against a private broker with certificates of its own."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pika.exceptions import AMQPError
from pytest_django import Settings

from dj_cqrs.exceptions import BrokerUnreachableError, ConfigurationError, TransportError
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.rabbit_mq.parameters import connection_parameters
from dj_cqrs.transport.tls import TLSOptions, hint
from local_stack.certificates import Authority, Certificate, TLSListener
from local_stack.ports import free_ports
from local_stack.rabbitmq import PrivateRabbitMQ
from local_stack.rabbitmq_node import find_scripts
from tests.transport.messages import CONFIRMED, messages, numbers, receive

LOCALHOST = "DNS:localhost"

Configure = Callable[..., dict[str, Any]]


class SecureBroker:
    """A broker with TLS that also asks its clients for certificates."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory)
        self.stranger = Authority(directory, "stranger")
        self.client = self.authority.sign("client", alternative_names="DNS:client")
        server = self.authority.sign("server", alternative_names=LOCALHOST)
        (self.port,) = free_ports(1)
        self.node = PrivateRabbitMQ(
            tls=TLSListener(
                port=self.port,
                ca_file=self.authority.ca_file,
                cert_file=server.cert_file,
                key_file=server.key_file,
                asks_clients=True,
            )
        )

    def url(self, host: str = "localhost", **query: object) -> str:
        words = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        return f"amqps://test:test@{host}:{self.port}/?{words}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    if find_scripts() is None:
        pytest.skip("a broker with TLS is a private node, and RabbitMQ is not installed here")
    broker = SecureBroker(tmp_path_factory.mktemp("tls"))
    with broker.node:
        yield broker


@pytest.fixture
def configure(settings: Settings, request: pytest.FixtureRequest) -> Configure:
    """Sets ``settings.CQRS``, on names of the test's own."""

    def configure(**cqrs: Any) -> dict[str, Any]:
        name = f"tls-{request.node.name}"
        settings.CQRS = {
            "transport": "dj_cqrs.transport.RabbitMQTransport",
            "exchange": name,
            "queue": name,
            **cqrs,
        }
        names: dict[str, Any] = settings.CQRS
        return names

    return configure


def files(certificate: Certificate) -> dict[str, str]:
    return {"cert_file": str(certificate.cert_file), "key_file": str(certificate.key_file)}


def assert_a_message_travels() -> None:
    consumer = RabbitMQTransport.consumer(["track"])
    publisher = RabbitMQTransport.publisher()
    try:
        assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]
        assert numbers(receive(consumer, 1)) == [1]
    finally:
        publisher.close()
        consumer.close()


def refusal() -> str:
    with pytest.raises(TransportError) as caught:
        RabbitMQTransport.consumer(["track"])
    publisher = RabbitMQTransport.publisher()
    with pytest.raises(BrokerUnreachableError):
        publisher.publish(messages([1]), timeout_seconds=10)
    return str(caught.value)


def test_messages_travel_with_certificates_from_the_settings(
    broker: SecureBroker, configure: Configure
) -> None:
    ca_file = str(broker.authority.ca_file)
    configure(url=broker.url(), tls={"ca_file": ca_file, **files(broker.client)})

    assert_a_message_travels()


def test_messages_travel_with_certificates_from_the_url(
    broker: SecureBroker, configure: Configure
) -> None:
    client = broker.client
    configure(
        url=broker.url(
            cacertfile=broker.authority.ca_file,
            certfile=client.cert_file,
            keyfile=client.key_file,
            verify="verify_peer",
            heartbeat=30,
        )
    )

    assert_a_message_travels()


def test_messages_travel_with_host_and_port_instead_of_a_url(
    broker: SecureBroker, configure: Configure
) -> None:
    ca_file = str(broker.authority.ca_file)
    configure(
        host="localhost",
        port=broker.port,
        user="test",
        password="test",
        tls={"ca_file": ca_file, **files(broker.client)},
    )

    assert_a_message_travels()


def test_broker_whose_authority_is_not_trusted_is_refused(
    broker: SecureBroker, configure: Configure
) -> None:
    ca_file = str(broker.stranger.ca_file)
    configure(url=broker.url(), tls={"ca_file": ca_file, **files(broker.client)})

    assert "name the authority's file in CQRS['tls'] as ca_file" in refusal()


def test_authorities_of_the_system_do_not_include_anybody(
    broker: SecureBroker, configure: Configure
) -> None:
    configure(url=broker.url(), tls=files(broker.client))

    assert "certificate verify failed" in refusal()


def test_broker_with_another_name_is_refused_unless_that_name_is_given(
    broker: SecureBroker, configure: Configure
) -> None:
    options = {"ca_file": str(broker.authority.ca_file), **files(broker.client)}
    configure(url=broker.url("127.0.0.1"), tls=options)
    assert "set CQRS['tls'] server_name" in refusal()

    configure(url=broker.url("127.0.0.1"), tls={**options, "server_name": "localhost"})
    assert_a_message_travels()

    configure(url=broker.url("127.0.0.1", server_name_indication="localhost"), tls=options)
    assert_a_message_travels()


def test_client_without_a_certificate_is_told_to_bring_one(
    broker: SecureBroker, configure: Configure
) -> None:
    configure(url=broker.url(cacertfile=broker.authority.ca_file))

    assert "cert_file and key_file" in refusal()


def test_port_without_tls_is_named_as_such(broker: SecureBroker, configure: Configure) -> None:
    url = broker.url(cacertfile=broker.authority.ca_file)
    configure(url=url.replace(str(broker.port), str(broker.node.node.port)))

    assert "Nobody speaks TLS there" in refusal()


def test_verification_can_be_given_up_in_so_many_words(
    broker: SecureBroker, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    client = broker.client
    configure(
        url=broker.url(
            "127.0.0.1", verify="verify_none", certfile=client.cert_file, keyfile=client.key_file
        )
    )

    assert_a_message_travels()
    assert "CQRS tls: the broker's certificate is not verified." in caplog.messages


@pytest.mark.parametrize(
    "error",
    [
        "(1, '[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required')",
        "SSLEOFError(8, 'EOF occurred in violation of protocol (_ssl.c:2427)')",
    ],
)
def test_a_refused_client_is_told_so_whether_or_not_it_has_read_the_alert(error: str) -> None:
    """The broker hangs up after its alert, and pika writes before it reads now and then."""
    assert "cert_file and key_file" in hint(AMQPError(f"Stream connection lost: {error}"))


def test_certificates_are_verified_by_default() -> None:
    context = TLSOptions().context()

    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_default_port_of_tls_is_its_own(configure: Configure) -> None:
    configure(url="amqps://mq/")
    assert [node.port for node in connection_parameters("relay")] == [5671]

    configure(host="mq", tls={})
    (read,) = connection_parameters("relay")
    assert (read.port, read.ssl_options.server_hostname) == (5671, "mq")


@pytest.mark.parametrize(
    ("cqrs", "message"),
    [
        ({"url": "amqp://mq", "tls": {"verify": True}}, "must begin with amqps"),
        ({"url": "amqp://mq/?cacertfile=/ca.pem"}, "must begin with amqps"),
        ({"url": "amqps://mq", "tls": {"cafile": "/ca.pem"}}, "unknown option 'cafile'"),
        ({"url": "amqps://mq", "tls": "/ca.pem"}, "must be dict"),
        ({"url": "amqps://mq", "tls": {"verify": "no"}}, "must be bool"),
        ({"url": "amqps://mq", "tls": {"ca_file": ""}}, "must be a path or a name"),
        ({"url": "amqps://mq/?verify=no"}, "verify_peer, verify_none"),
        ({"url": "amqps://mq", "tls": {"ca_file": "/nowhere.pem"}}, "ca_file /nowhere.pem"),
        ({"url": "amqps://mq/?certfile=/nowhere.pem"}, "cert_file /nowhere.pem"),
    ],
)
def test_mistake_is_named_when_the_service_starts(
    configure: Configure, cqrs: dict[str, Any], message: str
) -> None:
    configure(**cqrs)

    with pytest.raises(ConfigurationError, match=message):
        RabbitMQTransport.check_settings()
