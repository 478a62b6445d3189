"""Helpers under the names of the contract, and the state that they keep."""

import datetime as dt
import threading
import uuid
from typing import Any

import pytest

from dj_cqrs import utils
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.state import cqrs_state
from dj_cqrs.utils import bulk_relate_cqrs_serialization


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        (dt.date(2026, 11, 23), "2026-11-23"),
        (dt.datetime(2026, 11, 23, 1, tzinfo=dt.UTC), "2026-11-23 01:00:00+00:00"),
        (uuid.UUID(int=3), "00000000-0000-0000-0000-000000000003"),
        (1.5, 1.5),
        ([1], [1]),
        (None, None),
    ],
)
def test_dates_and_uuids_become_text(value: Any, valid: Any) -> None:
    assert utils.get_json_valid_value(value) == valid


def test_a_message_expires_after_the_masters_time_to_live(settings: Any) -> None:
    settings.CQRS = {**settings.CQRS, "master": {"CQRS_MESSAGE_TTL": 60}}
    assert _seconds_left(utils.get_message_expiration_dt()) == pytest.approx(60, abs=5)
    assert _seconds_left(utils.get_message_expiration_dt(10)) == pytest.approx(10, abs=5)

    settings.CQRS = {**settings.CQRS, "master": {"CQRS_MESSAGE_TTL": None}}
    assert utils.get_message_expiration_dt() is None
    assert _seconds_left(utils.get_message_expiration_dt(10)) == pytest.approx(10, abs=5)


@pytest.mark.parametrize(
    ("section", "size", "prefetch"),
    [
        ({}, 1000, 1001),
        ({"delay_queue_max_size": 5}, 5, 6),
        ({"delay_queue_max_size": None}, None, 0),
    ],
)
def test_a_worker_takes_one_message_more_than_it_can_delay(
    settings: Any, section: dict[str, Any], size: int | None, prefetch: int
) -> None:
    settings.CQRS = {**settings.CQRS, "replica": section}

    assert utils.get_delay_queue_max_size() == size
    assert utils.get_messages_prefetch_count_per_worker() == prefetch


def test_replica_models_have_the_default_limit_without_any_settings(settings: Any) -> None:
    settings.CQRS = {key: value for key, value in settings.CQRS.items() if key != "replica"}

    assert utils.get_delay_queue_max_size() == 1000
    assert utils.get_messages_prefetch_count_per_worker() == 1001


def test_a_service_that_is_no_replica_has_no_limit(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CQRS = {key: value for key, value in settings.CQRS.items() if key != "replica"}
    monkeypatch.setattr(ReplicaRegistry, "models", {})

    assert utils.get_delay_queue_max_size() is None
    assert utils.get_messages_prefetch_count_per_worker() == 0


def test_a_block_is_known_while_it_runs_and_blocks_may_be_nested() -> None:
    seen: list[Any] = [cqrs_state.bulk_relate_cm]
    with bulk_relate_cqrs_serialization("outer") as outer:
        with bulk_relate_cqrs_serialization("inner") as inner:
            seen.append(cqrs_state.bulk_relate_cm)
        seen.append(cqrs_state.bulk_relate_cm)
    seen.append(cqrs_state.bulk_relate_cm)

    assert seen == [None, inner, outer, None]
    assert (outer.cqrs_id, inner.cqrs_id) == ("outer", "inner")


def test_a_block_that_raises_is_left_too() -> None:
    with pytest.raises(RuntimeError), bulk_relate_cqrs_serialization():
        raise RuntimeError

    assert cqrs_state.bulk_relate_cm is None


def test_a_decorated_function_may_call_itself() -> None:
    seen = []

    @bulk_relate_cqrs_serialization("x")
    def recursive(depth: int) -> None:
        seen.append(cqrs_state.bulk_relate_cm)
        if depth:
            recursive(depth - 1)

    recursive(2)

    assert len(set(seen)) == 3
    assert {cm.cqrs_id for cm in seen if cm} == {"x"}
    assert cqrs_state.bulk_relate_cm is None


def test_every_thread_has_a_state_of_its_own() -> None:
    seen = []
    with bulk_relate_cqrs_serialization():
        thread = threading.Thread(target=lambda: seen.append(cqrs_state.bulk_relate_cm))
        thread.start()
        thread.join()

    assert seen == [None]


def _seconds_left(moment: dt.datetime | None) -> float:
    assert moment is not None
    return (moment - dt.datetime.now(dt.UTC)).total_seconds()
