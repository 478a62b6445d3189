"""Editors and the consumer write different columns of the same row at the same time."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connections

from replica_service.storefront import models, search, services
from replica_service.storefront.models import Track
from tests.settings import TEST_DATABASE
from tests.stream import deliver_track

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        TEST_DATABASE != "postgres", reason="needs row locks: run with TEST_DATABASE=postgres"
    ),
]

#: How long an editor who is not held up would have for one UPDATE.
LONG_ENOUGH_SECONDS = 1.0


def feature() -> None:
    try:
        services.tracks_feature(track_ids=[1], is_featured=True)
    finally:
        connections.close_all()


def test_a_track_that_is_featured_while_a_change_is_applied_stays_featured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deliver_track()
    editor = threading.Thread(target=feature)

    def in_between(payload: Mapping[str, Any]) -> dict[str, Any]:
        """Between the look at the row and its save."""
        editor.start()
        editor.join(LONG_ENOUGH_SECONDS)
        return search.search_row(payload)

    monkeypatch.setattr(models, "search_row", in_between)

    deliver_track(revision=1, name="Overkill")
    editor.join()

    track = Track.objects.get()
    assert (track.name, track.is_featured) == ("Overkill", True)
