"""Health that tells the truth: what fails is named, and nothing else fails."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from dj_cqrs import health
from dj_cqrs.health import counting, masters
from dj_cqrs.inbox.models import ParkedMessage, WorkerHeartbeat
from dj_cqrs.outbox.models import OutboxMessage, RelayHeartbeat
from tests.app.master_models import Author
from tests.health.signs import all_is_well, leave

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _well() -> None:
    all_is_well()


def _failures() -> dict[str, str]:
    return {check.name: check.detail for check in health.report().failures}


def _written(seconds_ago: float, **values: Any) -> None:
    Author.objects.create(name="x")
    message = OutboxMessage.objects.latest("pk")
    created_at = timezone.now() - timedelta(seconds=seconds_ago)
    OutboxMessage.objects.filter(pk=message.pk).update(created_at=created_at, **values)


def _parked(**values: Any) -> None:
    ParkedMessage.objects.create(reason="x", routing_key="x", body=b"{}", **values)


def test_a_service_that_does_its_work_is_well() -> None:
    _written(299)

    report = health.report()

    assert report.is_ok, report.failures
    kinds = [check.kind for check in report.checks]
    assert list(dict.fromkeys(kinds)) == ["database", "outbox", "relay", "workers", "parked"]


def test_a_backlog_older_than_the_limit_fails_and_says_how_old() -> None:
    _written(400)
    _written(1)

    assert _failures() == {
        "outbox": "2 message(s) wait, the oldest for 7 min. Are relay and broker well?"
    }


def test_what_the_broker_refuses_is_backlog_too_and_says_why() -> None:
    _written(400, due_at=timezone.now() + timedelta(seconds=30), last_error="No, thanks.")

    assert "No, thanks." in _failures()["outbox"]


def test_what_no_queue_is_bound_for_is_told_and_no_failure() -> None:
    _written(40_000, due_at=timezone.now(), is_unroutable=True)

    report = health.report()

    assert report.is_ok
    (outbox,) = (check for check in report.checks if check.name == "outbox")
    assert (outbox.figures["unroutable"], outbox.figures["waiting"]) == (1, 0)


def test_the_limit_of_the_backlog_is_a_setting(settings: Any) -> None:
    _written(400)
    settings.CQRS = {**settings.CQRS, "health": {"backlog_seconds": 500}}
    assert _failures() == {}
    settings.CQRS = {**settings.CQRS, "health": {"backlog_seconds": None}}
    _written(40_000)
    assert _failures() == {}


def test_counting_stops_where_a_backlog_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "COUNT_LIMIT", 2)
    for _ in range(4):
        _written(400)

    assert _failures()["outbox"].startswith("more than 2 message(s) wait")


def test_a_relay_that_fell_silent_is_named() -> None:
    leave(RelayHeartbeat, "relay 7 on b", silent=70, doing="handling")

    assert "relay 7 on b: no sign of life for 70 s" in _failures()["relay"]


def test_a_worker_that_fell_silent_is_named() -> None:
    leave(WorkerHeartbeat, "worker 7 on b", silent=70)

    assert list(_failures()) == ["workers"]


def test_a_service_without_relay_and_worker_does_not_do_its_work() -> None:
    RelayHeartbeat.objects.all().delete()
    WorkerHeartbeat.objects.all().delete()

    assert {name: text.split(";")[0] for name, text in _failures().items()} == {
        "relay": "0 of 1 alive",
        "workers": "0 of 1 alive",
    }


def test_messages_that_nobody_tries_again_fail() -> None:
    _parked(status=ParkedMessage.Status.RETRYING, due_at=timezone.now() - timedelta(seconds=301))

    assert "has been due for 5 min" in _failures()["parked"]


def test_dead_letters_are_told_and_fail_above_a_limit(settings: Any) -> None:
    _parked(status=ParkedMessage.Status.DEAD)
    _parked(status=ParkedMessage.Status.DEAD)
    assert _failures() == {}
    settings.CQRS = {**settings.CQRS, "health": {"dead_letters": 1}}

    assert "2 dead letter(s)" in _failures()["parked"]


def test_a_check_that_cannot_be_made_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(masters, "check_outbox", fail)

    assert _failures() == {"outbox": "It cannot be looked at; the log says why."}


def test_the_view_names_what_failed_and_answers_503(client: Client) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    _written(400)

    response = client.get("/readyz")

    assert response.status_code == 503
    body = response.json()
    assert body["status"] == "unavailable"
    assert body["reasons"] == ["outbox: " + body["checks"]["outbox"]["detail"]]
    assert body["checks"]["outbox"]["ok"] is False
    assert body["checks"]["outbox"]["oldest_seconds"] >= 400
    assert client.post("/readyz").status_code == 405


def test_a_load_balancer_can_leave_checks_out(client: Client) -> None:
    _written(400)
    leave(WorkerHeartbeat, "worker 7 on b", silent=70)

    assert client.get("/readyz?exclude=outbox").status_code == 503
    assert client.get("/readyz?exclude=outbox&exclude=workers").status_code == 200
    assert client.get("/livez").status_code == 200


def test_without_its_database_a_service_is_alive_but_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ConnectionError("postgres://user:secret@somewhere is away")

    monkeypatch.setattr(connection, "cursor", refuse)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["database"]["ok"] is False
    assert "secret" not in response.content.decode()


def test_a_service_that_lacks_migrations_says_so() -> None:
    recorder = MigrationRecorder(connection)
    names = [name for app, name in recorder.applied_migrations() if app == "cqrs_inbox"]
    for name in names:
        recorder.record_unapplied("cqrs_inbox", name)
    try:
        failures = _failures()
    finally:
        for name in names:
            recorder.record_applied("cqrs_inbox", name)

    assert list(failures) == ["database"]
    assert "migrate" in failures["database"]
