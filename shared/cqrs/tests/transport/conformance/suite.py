"""What the parts of the suite stand on: the fixtures that each transport provides."""

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from dj_cqrs.transport.base import BaseTransport, Consumer, Delivery, Publisher
from tests.transport.conformance.promises import Promises


class Suite:
    """Base of the parts."""

    promises: ClassVar[Promises]

    @pytest.fixture
    def transport(self) -> type[BaseTransport]:
        """The transport, with ``settings.CQRS`` naming a fresh exchange and queue."""
        raise NotImplementedError

    @pytest.fixture
    def dead_letters(self) -> Callable[[], list[Delivery]]:
        """Takes out what is in the dead letter queue of ``settings.CQRS``."""
        raise NotImplementedError

    @pytest.fixture
    def restart(self) -> Callable[[], None]:
        """Restarts the broker; asked for only where something promises to outlive it."""
        raise NotImplementedError

    @pytest.fixture
    def consumer(self, transport: type[BaseTransport], request: pytest.FixtureRequest) -> Consumer:
        return self.new_consumer(transport, request)

    @pytest.fixture
    def publisher(self, transport: type[BaseTransport]) -> Iterator[Publisher]:
        publisher = transport.publisher()
        yield publisher
        publisher.close()

    def new_consumer(
        self, transport: type[BaseTransport], request: pytest.FixtureRequest
    ) -> Consumer:
        consumer = transport.consumer(["track", "album"])
        request.addfinalizer(consumer.close)
        return consumer
