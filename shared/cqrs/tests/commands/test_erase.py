"""``cqrs_erase`` removes what is stored of a row's past, and nothing that others wait for."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from dj_cqrs import wire
from dj_cqrs.conf import MIN_BODY_BYTES
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.replica import parking
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage, Row
from dj_cqrs.transport.base import OutgoingMessage
from dj_cqrs.transport.memory import MemoryBroker
from local_stack.ports import free_ports
from tests.app.master_models import Author, Book, Country, Holiday, Note
from tests.commands.conftest import Run
from tests.commands.letters import notification
from tests.commands.running import run_failing
from tests.commands.test_dead_letters_of_kombu import Die, die, kombu_cqrs, url
from tests.replica.parked import Status
from tests.replica.support import delete, save

__all__ = ["die", "kombu_cqrs", "url"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("memory_broker")]

SECRET = "Ms Marker"


def in_outbox() -> list[int]:
    bodies = [wire.decode(bytes(message.body)) for message in OutboxMessage.objects.order_by("pk")]
    return [body["instance_data"]["cqrs_revision"] for body in bodies]


def in_inbox() -> list[bytes]:
    return [bytes(each) for each in ParkedMessage.objects.values_list("body", flat=True)]


def die_in_inbox(message: RawMessage, row: Row | None) -> None:
    parking.park_due(message, row, "default")
    ParkedMessage.objects.update(status=Status.DEAD, due_at=None)


def erase(run: Run, pk: Any, *options: str, cqrs_id: str = "author") -> list[str]:
    out, _ = run("cqrs_erase", f"--cqrs-id={cqrs_id}", f"--pk={pk}", *options)
    return out


def erase_failing(pk: Any, *options: str, cqrs_id: str = "author") -> tuple[str, str]:
    return run_failing("cqrs_erase", f"--cqrs-id={cqrs_id}", f"--pk={pk}", *options)


@pytest.fixture
def anonymised() -> Author:
    """A person whose name was replaced, while the broker was away."""
    author = Author.objects.create(name=SECRET)
    Author.objects.create(name="somebody else")
    author.name = "anonymous"
    author.save()
    return author


def test_the_newest_state_that_is_to_be_published_is_kept(run: Run, anonymised: Author) -> None:
    command = f"cqrs_erase --cqrs-id=author --pk={anonymised.pk} --revision=1"
    assert erase(run, anonymised.pk)[:3] == [
        "outbox of database 'default': 1 removed, 1 kept",
        "  kept: SAVE at revision 1, to be published",
        f"The row is at revision 1. On each replica: {command}",
    ]

    assert in_outbox() == [0, 1]  # of somebody else, and of the row
    assert not any(SECRET.encode() in bytes(each.body) for each in OutboxMessage.objects.all())


def test_a_dry_run_only_counts(run: Run, anonymised: Author) -> None:
    die_in_inbox(save(0, cqrs_id="author", pk=anonymised.pk), Row("author", str(anonymised.pk)))

    out = erase(run, anonymised.pk, "--dry-run", "--revision=1")

    assert out[0] == "outbox of database 'default': 1 would be removed, 1 kept"
    assert "inbox of database 'default': 1 would be removed, 0 kept" in out
    assert in_outbox() == [0, 0, 1]
    assert len(in_inbox()) == 1


def test_what_was_not_sent_of_a_deleted_row_goes_but_its_deletion_is_sent(
    run: Run, anonymised: Author
) -> None:
    key = anonymised.pk
    anonymised.delete()

    out = erase(run, key)

    assert out[0] == "outbox of database 'default': 2 removed, 1 kept"
    assert out[2].startswith("The row was deleted with revision 2. On each replica:")
    assert in_outbox() == [0, 2]
    assert erase(run, key)[0] == "outbox of database 'default': 0 removed, 1 kept"


def test_what_the_broker_refused_goes_when_something_newer_was_published(
    run: Run, anonymised: Author
) -> None:
    OutboxMessage.objects.order_by("-pk")[0].delete()  # confirmed
    assert in_outbox() == [0, 0]

    assert erase(run, anonymised.pk)[0] == "outbox of database 'default': 1 removed, 0 kept"
    assert in_outbox() == [0]


def test_a_state_that_was_the_last_one_to_be_sent_is_kept(run: Run) -> None:
    note = Note.objects.create(text="public")
    note.is_public = False
    note.save()

    assert erase(run, note.pk, cqrs_id="note")[0] == (
        "outbox of database 'default': 0 removed, 1 kept"
    )
    assert in_outbox() == [0]


def test_values_from_before_in_the_newest_message_are_told_of(run: Run) -> None:
    book = Book.objects.create(title=SECRET, author=Author.objects.create(name="x"))
    book.title = "anonymous"
    book.save()

    _, error = erase_failing(book.pk, cqrs_id="book")
    assert "CQRS_TRACKED_FIELDS" in error

    book.save()
    erase(run, book.pk, cqrs_id="book")
    assert not any(SECRET.encode() in bytes(each.body) for each in OutboxMessage.objects.all())


@pytest.mark.parametrize(
    ("cqrs_id", "make", "given"),
    [
        (
            "note",
            lambda: Note.objects.create(key=uuid.UUID(int=5), text="x"),
            uuid.UUID(int=5).hex.upper(),
        ),
        ("country", lambda: Country.objects.create(code="P L'", name="x"), "P L'"),
        ("holiday", lambda: Holiday.objects.create(day=dt.date(2026, 1, 5), name="x"), "2026-1-5"),
    ],
)
def test_keys_of_every_kind_are_found_on_both_sides(
    run: Run, cqrs_id: str, make: Callable[[], Any], given: str
) -> None:
    row = make()
    row.save()
    die_in_inbox(save(0, cqrs_id=cqrs_id, pk=str(row.pk)), Row(cqrs_id, str(row.pk)))
    die_in_inbox(save(0, cqrs_id=cqrs_id, pk="another"), Row(cqrs_id, "another"))

    out = erase(run, given, "--revision=1", cqrs_id=cqrs_id)

    assert out[0] == "outbox of database 'default': 1 removed, 1 kept"
    assert out[3] == "inbox of database 'default': 1 removed, 0 kept"
    assert len(in_inbox()) == 1


def test_what_the_replica_has_overtaken_goes_without_being_told_a_revision(run: Run) -> None:
    apply_batch([save(3, name="anonymous")])
    for revision in (1, 2):
        die_in_inbox(save(revision, name=SECRET), Row("item", "1"))
    die_in_inbox(save(1, pk=2, name="another"), Row("item", "2"))

    assert erase(run, 1, cqrs_id="item") == [
        "inbox of database 'default': 2 removed, 0 kept",
        "queue dead_letter_replica: 0 removed, 0 kept",
    ]
    assert len(in_inbox()) == 1


def test_the_newest_state_that_is_not_applied_is_kept_unless_the_master_has_a_newer_one(
    run: Run,
) -> None:
    for revision in (1, 2):
        die_in_inbox(save(revision, name=SECRET), Row("item", "1"))

    out, error = erase_failing(1, cqrs_id="item")
    assert "inbox of database 'default': 1 removed, 1 kept\n  kept: SAVE at revision 2" in out
    assert "Old values may be left" in error
    assert "--revision" in error
    assert len(in_inbox()) == 1

    assert erase(run, 1, "--revision=2", cqrs_id="item")[1] == "  kept: SAVE at revision 2"
    assert erase(run, 1, "--revision=3", cqrs_id="item")[0].endswith("1 removed, 0 kept")
    assert not in_inbox()


def test_values_from_before_in_what_waits_to_be_applied_are_told_of() -> None:
    waiting = save(2, name="anonymous", previous_data={"name": SECRET})
    die_in_inbox(waiting, Row("item", "1"))

    _, error = erase_failing(1, "--revision=2", cqrs_id="item")

    assert "values from before" in error


def test_what_is_about_the_row_but_can_never_be_applied_goes(run: Run) -> None:
    """With its row in its columns or only in its body."""
    apply_batch([RawMessage(save(0, name=SECRET).body.replace(b'"SAVE"', b'"SAFE"'), "item", {})])
    apply_batch([save(-1, name=SECRET), save(-1, pk=2, name="another")])
    assert len(in_inbox()) == 3

    assert erase(run, 1, cqrs_id="item")[0] == "inbox of database 'default': 2 removed, 0 kept"
    assert not any(SECRET.encode() in body for body in in_inbox())


def test_what_the_settings_do_not_let_be_read_is_kept_unless_the_master_has_a_newer_one(
    run: Run, settings: Settings
) -> None:
    die_in_inbox(save(3, name=SECRET, note="n" * MIN_BODY_BYTES), Row("item", "1"))
    settings.CQRS = {**settings.CQRS, "max_body_bytes": MIN_BODY_BYTES}

    _, error = erase_failing(1, "--revision=3", cqrs_id="item")
    assert "the settings refuse" in error
    assert len(in_inbox()) == 1

    erase(run, 1, "--revision=4", cqrs_id="item")
    assert not in_inbox()


def test_what_does_not_say_whose_it_is_is_told_of_if_it_may_be_the_rows(run: Run) -> None:
    apply_batch([RawMessage(b'{"instance_data": {"id": 777, "name": "x', "item", {})])

    _, error = erase_failing(777, cqrs_id="item")
    assert "does not say whose it is" in error
    assert "cqrs_dead_letters dump" in error

    erase(run, 888, cqrs_id="item")
    assert len(in_inbox()) == 1


def test_letters_of_the_broker_are_judged_alike(run: Run, memory_broker: MemoryBroker) -> None:
    apply_batch([delete(5)])
    for message in (save(1, name=SECRET), save(6, name="again"), save(1, pk=2, name="another")):
        key = "cqrs.dead_letter_replica.item"
        memory_broker.publish(OutgoingMessage("", key, message.body, message.headers))

    out, error = erase_failing(1, cqrs_id="item")

    assert "queue dead_letter_replica: 1 removed, 1 kept\n  kept: SAVE at revision 6" in out
    assert "not applied yet" in error
    letters = memory_broker.messages("dead_letter_replica")
    assert not any(SECRET.encode() in letter.body for letter in letters)
    assert len(letters) == 2


def test_without_the_broker_it_does_not_say_that_all_is_done(settings: Settings) -> None:
    (port,) = free_ports(1)
    settings.CQRS = {
        **settings.CQRS,
        "transport": "dj_cqrs.transport.RabbitMQTransport",
        "url": f"amqp://127.0.0.1:{port}",
    }
    apply_batch([delete(5)])
    die_in_inbox(save(1, name=SECRET), Row("item", "1"))

    out, error = erase_failing(1, cqrs_id="item")

    assert out.startswith("inbox of database 'default': 1 removed, 0 kept")
    assert "the broker's dead letters were not looked at" in error
    assert not in_inbox()


@pytest.mark.usefixtures("without_inbox")
def test_without_an_inbox_letters_in_rabbitmq_below_the_masters_revision_go(
    run: Run, kept_by_broker: Callable[..., None], cqrs: dict[str, Any]
) -> None:
    letters_below_the_masters_revision_go(run, kept_by_broker, cqrs["queue"])


@pytest.mark.usefixtures("without_inbox")
def test_so_do_those_in_redis_and_in_a_directory(
    run: Run, die: Die, kombu_cqrs: dict[str, Any]
) -> None:
    letters_below_the_masters_revision_go(run, die, kombu_cqrs["queue"])


def letters_below_the_masters_revision_go(run: Run, put: Callable[..., None], queue: str) -> None:
    newer = save(4, cqrs_id="notifier", pk=1, name="anonymous")
    put(notification(1, name=SECRET), newer, notification(2, name="another"))

    _, error = erase_failing(1, cqrs_id="notifier")
    assert "not applied yet" in error
    assert len(run("cqrs_dead_letters", "dump")[0]) == 2

    assert erase(run, 1, "--revision=5", cqrs_id="notifier") == [
        f"queue dead_letter_{queue}: 1 removed, 0 kept"
    ]
    (left,) = run("cqrs_dead_letters", "dump")[0]
    assert wire.decode(left.encode())["instance_pk"] == 2


@pytest.mark.parametrize(
    ("cqrs_id", "pk", "problem"),
    [
        ("nobody", "1", "Wrong CQRS ID: nobody!"),
        ("author", "seven", "'seven' is no primary key of Author."),
        ("item", "seven", "'seven' is no primary key of Item."),
        ("note", "seven", "'seven' is no primary key of Note."),
    ],
)
def test_arguments_that_make_no_sense_are_refused(cqrs_id: str, pk: str, problem: str) -> None:
    assert erase_failing(pk, cqrs_id=cqrs_id) == ("", problem)


def test_a_row_that_nobody_knows_leaves_nothing(run: Run, settings: Settings) -> None:
    settings.CQRS = {key: value for key, value in settings.CQRS.items() if key != "queue"}

    assert erase(run, 12345) == [
        "outbox of database 'default': 0 removed, 0 kept",
        "inbox of database 'default': 0 removed, 0 kept",
    ]
    with pytest.raises(CommandError, match="required: --pk"):
        run("cqrs_erase", "--cqrs-id=author")
