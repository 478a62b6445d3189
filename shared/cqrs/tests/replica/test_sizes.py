"""Bodies that are too large: kept with the reason, unread, and tried when the limit was raised."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from dj_cqrs.conf import MIN_BODY_BYTES
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport.base import REASON_HEADER
from local_stack.waiting import eventually
from tests.app.replica_models import Item
from tests.commands.conftest import Run, run
from tests.pitfalls.consuming import letters, names, note, publish
from tests.replica.parked import Status, parked, retry
from tests.replica.support import save

__all__ = ["run"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def limit(settings: Settings) -> Callable[[int], None]:
    def set_limit(size: int) -> None:
        settings.CQRS = {**settings.CQRS, "max_body_bytes": size}

    return set_limit


def _large(size: int = MIN_BODY_BYTES, **changes: Any) -> RawMessage:
    return save(0, name="large", padding="x" * size, **changes)


def test_a_body_over_the_limit_is_a_dead_letter_unread_and_whole(
    limit: Callable[[int], None],
) -> None:
    limit(MIN_BODY_BYTES)
    large = _large()

    apply_batch([large, save(0, pk=2, name="neighbour")])

    letter = parked()
    assert (letter.status, letter.attempts) == (Status.DEAD, 1)
    assert f"The body has {len(large.body)} bytes" in letter.reason
    assert "max_body_bytes" in letter.reason
    assert bytes(letter.body) == large.body
    assert (letter.cqrs_id, letter.row_pk) == (None, None)  # nobody has looked
    assert Item.objects.get().name == "neighbour"


def test_a_body_at_the_limit_is_applied(limit: Callable[[int], None]) -> None:
    large = _large()
    limit(len(large.body))
    apply_batch([large])
    assert Item.objects.get().name == "large"


@pytest.mark.usefixtures("memory_broker")
def test_a_letter_is_applied_when_the_limit_was_raised(
    limit: Callable[[int], None], run: Run
) -> None:
    limit(MIN_BODY_BYTES)
    apply_batch([_large()])
    limit(10 * MIN_BODY_BYTES)

    run("cqrs_dead_letters", "retry")
    retry()

    assert Item.objects.get().name == "large"


def test_without_an_inbox_the_broker_keeps_it_and_the_worker_goes_on(
    limit: Callable[[int], None], run_worker: Callable[..., Worker]
) -> None:
    limit(MIN_BODY_BYTES)
    run_worker(PlainApplier())
    large = _large(cqrs_id="notifier")

    publish(large, note("neighbour"))

    def check() -> None:
        assert names() == ["neighbour"]
        (letter,) = letters()
        assert letter.body == large.body
        assert f"The body has {len(large.body)} bytes" in letter.headers[REASON_HEADER]

    eventually(check)


def test_megabytes_are_refused_by_default(run_worker: Callable[..., Worker]) -> None:
    run_worker()
    publish(_large(16 * 1024 * 1024), save(0, pk=2, name="neighbour"))

    def check() -> None:
        assert Item.objects.get().name == "neighbour"
        assert parked().status == Status.DEAD

    eventually(check)
