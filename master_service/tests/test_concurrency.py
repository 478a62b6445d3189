"""Two requests at once, on real row locks."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from local_stack.waiting import eventually
from master_service import entities
from master_service.catalogue import services
from master_service.catalogue.models import Album, Artist, PriceChange, Track
from tests.conftest import create_track
from tests.settings import TEST_DATABASE

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        TEST_DATABASE != "postgres", reason="needs row locks: run with TEST_DATABASE=postgres"
    ),
]

Start = Callable[[Callable[[], Any]], "Future[Any]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Runs a use case in another thread, on a connection of its own."""

    def on_own_connection(use_case: Callable[[], Any]) -> Any:
        try:
            return use_case()
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        yield lambda use_case: pool.submit(on_own_connection, use_case)


def assert_somebody_waits() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        assert cursor.fetchone() != (0,)


def test_a_deletion_takes_along_the_price_change_that_came_in_between(
    transactional_db: None, start: Start
) -> None:
    track = create_track()

    with transaction.atomic():
        services.track_update(track_id=track.pk, changes={"unit_price": "1.29"})
        deletion = start(lambda: entities.entity_delete(model=Album, entity_id=track.album_id))
        eventually(assert_somebody_waits)

    deletion.result(timeout=30)
    assert not Album.objects.exists()
    assert not PriceChange.objects.exists()


def test_two_changes_of_a_price_make_one_history(transactional_db: None, start: Start) -> None:
    track = create_track()

    with transaction.atomic():
        services.track_update(track_id=track.pk, changes={"unit_price": "1.29"})
        second = start(
            lambda: services.tracks_reprice(track_ids=[track.pk], unit_price=Decimal("1.99"))
        )
        eventually(assert_somebody_waits)

    assert second.result(timeout=30) == 1
    history = PriceChange.objects.order_by("pk").values_list("old_price", "new_price")
    assert [(str(old), str(new)) for old, new in history] == [("0.99", "1.29"), ("1.29", "1.99")]


def test_two_tracks_of_a_new_artist_make_one_artist(transactional_db: None, start: Start) -> None:
    with transaction.atomic():
        create_track(name="Bomber")
        second = start(lambda: create_track(name="Overkill"))
        eventually(assert_somebody_waits)

    second.result(timeout=30)
    assert Artist.objects.count() == 1
    assert Track.objects.count() == 2
