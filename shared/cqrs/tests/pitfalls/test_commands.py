"""What django-cqrs's commands get wrong (W32 to W36), and ours must not."""

import pytest
from django.core.management import call_command

from dj_cqrs.transport.memory import broker
from tests.app.master_models import Author
from tests.commands import rows
from tests.commands.running import Meddling, direct_mode, in_another_connection, run_failing
from tests.master.outbox_reader import take

pytestmark = pytest.mark.django_db(transaction=True)


def test_w32_a_sync_beside_writes_sends_every_row_once() -> None:
    pks = rows.authors(1000)
    hundreds = [pks[start : start + 100] for start in range(0, 1000, 100)]

    def write() -> None:
        """An update moves rows to the end of PostgreSQL's table."""
        chosen = hundreds.pop(0) if hundreds else []
        in_another_connection(lambda: Author.objects.filter(pk__in=chosen).update(name="changed"))

    call_command(
        "cqrs_sync",
        cqrs_id="author",
        filter="{}",
        batch=100,
        progress=True,
        stdout=Meddling(write),
    )

    assert [message["instance_pk"] for message in take()] == pks


def test_w33_rows_that_were_not_sent_are_not_counted_as_synced() -> None:
    _, first, _, second = rows.fragile("a", "broken", "private", "broken")

    output, error = run_failing("cqrs_sync", cqrs_id="fragile", filter="{}")

    assert [message["instance_data"]["name"] for message in take()] == ["a"]
    for pk in (first, second):
        assert f"\nSync record failed for pk={pk}: ValueError: it is broken\n" in output
    assert output.endswith("Done!\n1 instance(s) synced.\n4 instance(s) processed.\n")
    assert error == "2 instance(s) could not be synced."


def test_w33_messages_that_the_broker_did_not_confirm_are_not_counted_as_synced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows.authors(3)
    broker.reset()
    broker.bind("shop", "cqrs.shop.author")
    with direct_mode(monkeypatch):
        call_command("cqrs_sync", cqrs_id="author", filter="{}", queue="shop")
        output, error = run_failing("cqrs_sync", cqrs_id="author", filter="{}", queue="typo")
        broker.set_reachable(False)
        lost = run_failing("cqrs_sync", cqrs_id="author", filter="{}", queue="shop")

    broker.set_reachable(True)
    assert len(broker.messages("shop")) == 3
    assert "TransportError: No queue is bound for its routing key." in output
    assert output.endswith("Done!\n0 instance(s) synced.\n3 instance(s) processed.\n")
    assert error == "3 instance(s) could not be synced."
    assert lost[0].count("TransportError: the memory broker is not reachable") == 3
