"""KombuTransport does what every transport must do, on each of its brokers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pytest_django import Settings

from dj_cqrs.transport import BaseTransport, KombuTransport
from dj_cqrs.transport.base import Delivery
from local_stack.servers import RabbitMQServer, Server
from tests.transport.conformance import EVERYTHING, No, TransportConformance
from tests.transport.kombu_settings import fresh_settings

NO_CLOCK = No("dead letters stay until somebody sends them again or purges them")

PROMISES_OF_MAILBOXES = replace(EVERYTHING, expires_dead_letters=NO_CLOCK)


def take_all() -> list[Delivery]:
    letters = KombuTransport.dead_letters()
    try:
        return list(letters.take(lambda _: True))
    finally:
        letters.close()


class KombuConformance(TransportConformance):
    """What the brokers have in common."""

    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def transport(self, settings: Settings, url: str) -> type[BaseTransport]:
        # The suite looks at whole batches.
        settings.CQRS = fresh_settings(
            url, consumer_prefetch_count=1000, transport_options=self.options
        )
        return KombuTransport

    @pytest.fixture
    def dead_letters(self, transport: type[BaseTransport]) -> Callable[[], list[Delivery]]:
        return take_all


@pytest.mark.slow  # the client is that of RabbitMQTransport, which passes all of this
class TestKombuOnAMQP(KombuConformance):
    promises = EVERYTHING

    @pytest.fixture
    def url(self, rabbitmq: RabbitMQServer) -> str:
        return rabbitmq.url

    @pytest.fixture
    def restart(self, rabbitmq: RabbitMQServer) -> Callable[[], None]:
        return rabbitmq.restart


class TestKombuOnRedis(KombuConformance):
    promises = PROMISES_OF_MAILBOXES
    delays_seconds = (0, 0.25, 0.5, 3)
    # What a killed consumer held comes again after so many seconds.
    options: ClassVar[dict[str, Any]] = {"visibility_timeout": 3}

    @pytest.fixture
    def url(self, redis: Server) -> str:
        return redis.url

    @pytest.fixture
    def restart(self, redis: Server) -> Callable[[], None]:
        return redis.restart


class TestKombuOnAFilesystem(KombuConformance):
    promises = PROMISES_OF_MAILBOXES
    delays_seconds = (0, 0.25, 0.5, 1)

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"filesystem://{tmp_path}/broker"

    @pytest.fixture
    def restart(self) -> Callable[[], None]:
        """There is no server: what is kept is in files."""
        return lambda: None
