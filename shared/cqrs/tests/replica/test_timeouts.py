"""``CQRS_QUERY_TIMEOUT``: a statement that takes too long fails its own message, and only that."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from dj_cqrs.controller.consumer import consume
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.logger import install_last_query_capturer, log_timed_out_queries
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.utils import apply_query_timeouts
from tests.app.replica_models import Item, Notifier, Slow
from tests.replica.support import at, save

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


@pytest.fixture(autouse=True)
def _timeout(settings: Any) -> None:
    settings.CQRS = {
        **settings.CQRS,
        "replica": {
            **settings.CQRS["replica"],
            "CQRS_QUERY_TIMEOUT": 200,
            "CQRS_LOG_TIMED_OUT_QUERIES": True,
            "CQRS_QUERY_LOGGER": "slow-queries",
        },
    }


@pytest.fixture
def slow_item() -> Iterator[None]:
    """An item of the name "slow" is written slowly, also in bulk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF NEW.name = 'slow' THEN PERFORM pg_sleep(5); END IF; RETURN NEW; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER slow BEFORE INSERT ON app_item FOR EACH ROW EXECUTE FUNCTION slow()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER slow ON app_item; DROP FUNCTION slow()")


def statement_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


def test_a_slow_hook_fails_its_own_message_and_is_retried(caplog: Any) -> None:
    apply_batch([save(0, cqrs_id="slow", pk=pk, pause=5 if pk == 3 else 0) for pk in range(6)])

    assert set(Slow.objects.values_list("pk", flat=True)) == {0, 1, 2, 4, 5}
    parked = ParkedMessage.objects.get()
    assert (parked.row_pk, parked.status, parked.attempts) == ("3", "retrying", 1)
    assert "statement timeout" in parked.reason
    lines = [record.getMessage() for record in caplog.records if record.name == "slow-queries"]
    assert lines == ["Timed out query:\nSELECT pg_sleep(%s)"]


def test_a_slow_row_of_a_bulk_statement_is_found(slow_item: None) -> None:
    batch = [save(0, pk=pk, name="slow" if pk == 3 else "fast") for pk in range(10)]

    apply_batch(batch)

    assert Item.objects.count() == 9
    assert ParkedMessage.objects.get().row_pk == "3"


def test_a_batch_limits_its_statements_once() -> None:
    statements: list[str] = []

    def note(execute: Any, sql: str, *args: Any) -> Any:
        statements.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(note):
        apply_batch([save(0, pk=pk, name="x") for pk in range(50)])

    assert sum("statement_timeout" in sql for sql in statements) == 2


@pytest.mark.parametrize("seconds", [0, 5])
def test_others_on_the_connection_are_not_limited(seconds: int) -> None:
    before = statement_timeout()

    apply_batch([save(0, cqrs_id="slow", pause=seconds)])

    assert statement_timeout() == before


def test_a_limit_of_the_sessions_own_comes_back() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout TO '7s'")
    try:
        apply_batch([save(0, name="x"), save(0, cqrs_id="slow", pause=5)])
        assert statement_timeout() == "7s"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")


def test_a_payload_that_is_consumed_in_process_is_limited_too(caplog: Any) -> None:
    data = {"id": 1, "pause": 5, "cqrs_revision": 0, "cqrs_updated": str(at(0))}

    assert consume(TransportPayload("SAVE", "slow", data, 1)) is None

    assert "CQRS create error: pk = 1 (slow)." in caplog.text
    assert statement_timeout() == "0"


def test_a_connection_is_limited_on_demand() -> None:
    try:
        apply_query_timeouts(Slow)
        assert statement_timeout() == "200ms"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
    apply_query_timeouts(Notifier)  # it has no database
    assert statement_timeout() == "0"


def test_the_statement_that_took_too_long_is_known_afterwards(caplog: Any) -> None:
    before = list(connection.execute_wrappers)
    install_last_query_capturer(Slow)
    install_last_query_capturer(Slow)
    try:
        assert len(connection.execute_wrappers) == len(before) + 1
        apply_query_timeouts(Slow)
        with pytest.raises(OperationalError) as caught:
            Slow.cqrs_create(False, {"id": 1, "pause": 5})
        log_timed_out_queries(caught.value, Slow)
        log_timed_out_queries(OperationalError("disk full"), Slow)
    finally:
        connection.execute_wrappers[:] = before
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")

    assert caplog.messages == ["Timed out query:\nSELECT pg_sleep(%s)"]
