"""rediss, against a private Redis server with certificates of its own."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pytest_django import Settings

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import ConfigurationError, TransportError
from dj_cqrs.transport import KombuTransport
from local_stack.certificates import Authority, Certificate, TLSListener
from local_stack.errors import StackError
from local_stack.ports import free_ports
from local_stack.redis import PrivateRedis
from tests.transport.messages import CONFIRMED, messages, numbers, receive

Configure = Callable[..., dict[str, Any]]


class SecureRedis:
    """A server that also asks its clients for certificates."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory)
        self.stranger = Authority(directory, "stranger")
        self.client = self.authority.sign("client", alternative_names="DNS:client")
        own = self.authority.sign("server", alternative_names="DNS:localhost")
        (self.port,) = free_ports(1)
        self.server = PrivateRedis(
            tls=TLSListener(
                port=self.port,
                ca_file=self.authority.ca_file,
                cert_file=own.cert_file,
                key_file=own.key_file,
                asks_clients=True,
            )
        )

    def url(self, host: str = "localhost", scheme: str = "rediss", **query: object) -> str:
        words = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        return f"{scheme}://{host}:{self.port}/0?{words}"

    def tls(self, **changes: Any) -> dict[str, Any]:
        """``CQRS['tls']`` of a service that trusts the server and is trusted by it."""
        return {"ca_file": self.authority.ca_file, **files(self.client), **changes}


@pytest.fixture(scope="module")
def redis_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureRedis]:
    try:
        secure = SecureRedis(tmp_path_factory.mktemp("tls"))
    except StackError as error:
        pytest.skip(f"a server with TLS is a private one: {error}")
    with secure.server:
        yield secure


@pytest.fixture
def configure(settings: Settings) -> Iterator[Configure]:
    """Sets ``settings.CQRS``, on names of the test's own."""

    def configure(**cqrs: Any) -> dict[str, Any]:
        name = f"tls-{uuid.uuid4().hex}"
        settings.CQRS = {
            "transport": "dj_cqrs.transport.KombuTransport",
            "exchange": name,
            "queue": name,
            **cqrs,
        }
        names: dict[str, Any] = settings.CQRS
        return names

    KombuTransport.clean_connection()
    yield configure
    KombuTransport.clean_connection()


def files(certificate: Certificate) -> dict[str, Path]:
    return {"cert_file": certificate.cert_file, "key_file": certificate.key_file}


def assert_a_message_travels() -> None:
    consumer = KombuTransport.consumer(["track"])
    publisher = KombuTransport.publisher()
    try:
        assert publisher.publish(messages([1]), timeout_seconds=10) == [CONFIRMED]
        assert numbers(receive(consumer, 1)) == [1]
    finally:
        publisher.close()
        consumer.close()


def refusal() -> str:
    with pytest.raises(TransportError) as caught:
        KombuTransport.consumer(["track"])
    with pytest.raises(TransportError):
        KombuTransport.publisher().publish(messages([1]), timeout_seconds=10)
    return str(caught.value)


def test_messages_travel_with_certificates_from_the_settings(
    redis_tls: SecureRedis, configure: Configure
) -> None:
    configure(url=redis_tls.url(), tls=redis_tls.tls())

    KombuTransport.check_settings()
    assert_a_message_travels()


def test_messages_travel_with_kombus_own_words_in_the_url(
    redis_tls: SecureRedis, configure: Configure
) -> None:
    query: dict[str, Any] = {
        "ssl_cert_reqs": "required",
        "ssl_ca_certs": redis_tls.authority.ca_file,
        "ssl_certfile": redis_tls.client.cert_file,
        "ssl_keyfile": redis_tls.client.key_file,
    }
    configure(url=redis_tls.url(**query))
    assert_a_message_travels()

    configure(url=redis_tls.url(scheme="redis", **query))
    assert_a_message_travels()


def test_failures_go_their_way_over_tls_too(redis_tls: SecureRedis, configure: Configure) -> None:
    configure(url=redis_tls.url(), tls=redis_tls.tls())
    consumer = KombuTransport.consumer(["track"])
    for number in (1, 2):
        KombuTransport.produce(TransportPayload("SAVE", "track", {"id": number}, number))
    later, dead = receive(consumer, 2)

    consumer.retry_later(later, cqrs_id="track", body=later.body, delay_seconds=0)
    consumer.dead_letter(dead, cqrs_id="track", body=dead.body, reason="no")

    (again,) = receive(consumer, 1)
    assert json.loads(again.body)["instance_pk"] == 1
    letters = KombuTransport.dead_letters()
    assert [json.loads(letter.body)["instance_pk"] for letter in letters.browse()] == [2]
    letters.close()
    consumer.close()


def test_server_of_a_strange_authority_is_refused(
    redis_tls: SecureRedis, configure: Configure
) -> None:
    configure(url=redis_tls.url(), tls=redis_tls.tls(ca_file=redis_tls.stranger.ca_file))
    assert "CERTIFICATE_VERIFY_FAILED" in refusal()

    configure(url=redis_tls.url(), tls=files(redis_tls.client))  # the system's authorities
    assert "CERTIFICATE_VERIFY_FAILED" in refusal()


def test_server_with_another_name_is_refused(redis_tls: SecureRedis, configure: Configure) -> None:
    configure(url=redis_tls.url(host="127.0.0.1"), tls=redis_tls.tls())
    assert "IP address mismatch" in refusal()

    configure(url=redis_tls.url(host="127.0.0.1", ssl_check_hostname="false"), tls=redis_tls.tls())
    assert_a_message_travels()


def test_server_is_not_looked_at_where_somebody_says_so(
    redis_tls: SecureRedis, configure: Configure
) -> None:
    stranger = redis_tls.tls(ca_file=redis_tls.stranger.ca_file)

    configure(url=redis_tls.url(), tls={**stranger, "verify": False})
    assert_a_message_travels()

    configure(url=redis_tls.url(ssl_cert_reqs="none"), tls=stranger)
    assert_a_message_travels()


def test_service_that_has_no_certificate_is_refused(
    redis_tls: SecureRedis, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure(url=redis_tls.url(), tls={"ca_file": redis_tls.authority.ca_file})

    refusal()
    KombuTransport.produce(TransportPayload("SAVE", "track", {"id": 1}, 1))

    assert "CQRS couldn't be published: pk = 1 (track)." in caplog.messages


def test_server_that_speaks_tls_is_not_spoken_to_in_plain_words(
    redis_tls: SecureRedis, configure: Configure
) -> None:
    configure(url=redis_tls.url(scheme="redis"))

    assert f"redis://localhost:{redis_tls.port}" in refusal()


@pytest.mark.parametrize(
    ("cqrs", "message"),
    [
        ({"url": "redis://h", "tls": {"verify": True}}, "must begin with rediss"),
        ({"url": "rediss://h", "tls": {"cafile": "/ca.pem"}}, "unknown option 'cafile'"),
        ({"url": "rediss://h", "tls": {"server_name": "h"}}, "server_name is not possible"),
        ({"url": "rediss://h", "tls": {"ca_file": "/nowhere.pem"}}, "ca_file /nowhere.pem"),
        ({"url": "rediss://h?ssl_ca_certs=/nowhere.pem"}, "ca_file /nowhere.pem"),
        ({"url": "rediss://h?ssl_certfile=/nowhere.pem"}, "cert_file /nowhere.pem"),
        ({"url": "rediss://h?ssl_cert_reqs=no"}, "CERT_NONE.*not 'no'"),
    ],
)
def test_mistake_is_named_when_the_service_starts(
    configure: Configure, cqrs: dict[str, Any], message: str
) -> None:
    configure(**cqrs)

    with pytest.raises(ConfigurationError, match=message):
        KombuTransport.check_settings()
