"""KombuTransport does what every transport must do, on each of its brokers."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dj_cqrs.transport import BaseTransport, KombuTransport
from dj_cqrs.transport.base import Delivery
from local_stack.servers import RabbitMQServer, Server
from tests.transport.conformance import No, Promises, TransportConformance

NO_CLOCK = No("dead letters stay until somebody sends them again or purges them")

PROMISES_OF_MAILBOXES = Promises(
    confirms=True,
    notices_unroutable=True,
    keeps_messages=True,
    durable=True,
    ordered=True,
    gives_back=True,
    redelivers_after_a_crash=True,
    marks_redelivered=True,
    delays=True,
    durable_delays=True,
    keeps_dead_letters=True,
    expires_dead_letters=NO_CLOCK,
    carries_headers=True,
)


def names(url: str) -> dict[str, Any]:
    unique = uuid.uuid4().hex[:12]
    return {
        "transport": "dj_cqrs.transport.KombuTransport",
        "url": url,
        "exchange": f"exchange-{unique}",
        "queue": f"queue-{unique}",
        # The suite looks at whole batches.
        "consumer_prefetch_count": 1000,
    }


def take_all() -> list[Delivery]:
    letters = KombuTransport.dead_letters()
    try:
        return list(letters.take(lambda _: True))
    finally:
        letters.close()


class KombuConformance(TransportConformance):
    """What the brokers have in common."""

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def transport(self, settings: Settings, url: str) -> type[BaseTransport]:
        settings.CQRS = names(url)
        return KombuTransport

    @pytest.fixture
    def dead_letters(self, transport: type[BaseTransport]) -> Callable[[], list[Delivery]]:
        return take_all


class TestKombuOnAMQP(KombuConformance):
    promises = Promises(
        confirms=True,
        notices_unroutable=True,
        keeps_messages=True,
        durable=True,
        ordered=True,
        gives_back=True,
        redelivers_after_a_crash=True,
        marks_redelivered=True,
        delays=True,
        durable_delays=True,
        keeps_dead_letters=True,
        expires_dead_letters=True,
        carries_headers=True,
    )

    @pytest.fixture
    def url(self, rabbitmq: RabbitMQServer) -> str:
        return rabbitmq.url

    @pytest.fixture
    def restart(self, rabbitmq: RabbitMQServer) -> Callable[[], None]:
        return rabbitmq.restart


class TestKombuOnRedis(KombuConformance):
    promises = PROMISES_OF_MAILBOXES

    @pytest.fixture
    def url(self, redis: Server) -> str:
        return redis.url

    @pytest.fixture
    def restart(self, redis: Server) -> Callable[[], None]:
        return redis.restart


class TestKombuOnAFilesystem(KombuConformance):
    promises = PROMISES_OF_MAILBOXES

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"filesystem://{tmp_path}/broker"

    @pytest.fixture
    def restart(self) -> Callable[[], None]:
        """There is no server: what is kept is in files."""
        return lambda: None
