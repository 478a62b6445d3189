"""``cqrs_dead_letters`` on the inbox: what failed for good is shown, tried again or dropped."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.management.dead_letters import Selection, in_inbox
from tests.app.replica_models import Item, Keyed
from tests.commands.conftest import Run
from tests.commands.letters import LONG_AGO, Status, letter, states, work

pytestmark = pytest.mark.django_db(transaction=True)


def test_retrying_gives_a_letter_all_its_attempts_again(run: Run, memory_broker: object) -> None:
    letter(7, expires=LONG_AGO)

    out, err = run("cqrs_dead_letters", "retry")

    assert (out[:2], err) == (["Total dead letters: 1", "Retrying: 1/1"], [])
    body = json.loads(out[2])
    assert (body["instance_pk"], body["retries"]) == (7, 0)
    assert states() == [(Status.RETRYING, 0)]
    work()
    assert Item.objects.get().pk == 7
    assert not ParkedMessage.objects.exists()


def test_only_dead_letters_are_retried(run: Run, memory_broker: object) -> None:
    letter(status=Status.RETRYING)
    letter(status=Status.WAITING)

    assert run("cqrs_dead_letters", "retry")[0] == ["Total dead letters: 0"]
    assert states() == [(Status.RETRYING, 4), (Status.WAITING, 4)]


@pytest.mark.parametrize(
    "options",
    [
        lambda ids: ["--id", str(ids[1])],
        lambda _: ["--cqrs-id", "keyed"],
        lambda _: ["--pk", "2"],
        lambda _: ["-cid", "keyed", "--pk", "2"],
    ],
    ids=["id", "cqrs_id", "pk", "both"],
)
@pytest.mark.parametrize("action", ["retry", "purge", "dump"])
def test_one_letter_can_be_chosen(
    run: Run, memory_broker: object, action: str, options: Callable[[list[int]], list[str]]
) -> None:
    ids = [letter(1), letter(2, cqrs_id="keyed"), letter(3)]

    out, _ = run("cqrs_dead_letters", action, *options(ids))

    if action == "dump":
        assert [body["instance_pk"] for body in map(json.loads, out)] == [2]
        return
    assert out[0] == "Total dead letters: 1"
    left = list(ParkedMessage.objects.filter(status=Status.DEAD).order_by("pk"))
    assert [row.pk for row in left] == [ids[0], ids[2]]


def test_a_key_is_found_however_it_is_written(run: Run, memory_broker: object) -> None:
    key = "0f8fad5b-d9cb-469f-a165-70867728950e"
    letter(key, cqrs_id="keyed")

    out, _ = run("cqrs_dead_letters", "retry", "-cid", "keyed", "--pk", key.upper())

    assert out[0] == "Total dead letters: 1"
    assert Keyed.CQRS_ID == "keyed"


def test_dumping_prints_bodies_for_pipes_and_reasons_for_people(
    run: Run, memory_broker: object
) -> None:
    first, second = letter(1), letter(2)

    for _ in range(2):
        out, err = run("cqrs_dead_letters", "dump")
        assert [body["instance_pk"] for body in map(json.loads, out)] == [1, 2]
        assert out[0].encode() == bytes(ParkedMessage.objects.get(pk=first).body)
        assert err == [f"#{first} item 1: ValueError: no", f"#{second} item 2: ValueError: no"]
    assert states() == [(Status.DEAD, 4)] * 2


def test_purging_leaves_what_is_not_dead(run: Run, memory_broker: object) -> None:
    letter()
    letter()
    letter(status=Status.RETRYING)

    assert run("cqrs_dead_letters", "purge") == (["Total dead letters: 2", "Purged"], [])
    assert states() == [(Status.RETRYING, 4)]


class SecondDatabase:
    """Puts one model into another database."""

    def db_for_write(self, model: Any, **_: Any) -> str | None:
        return "second" if model is Keyed else None


@pytest.mark.django_db(transaction=True, databases=["default", "second"])
def test_every_inbox_is_asked_and_an_id_must_mean_one_letter(
    run: Run, memory_broker: object, settings: Settings
) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.SecondDatabase"]
    row = ParkedMessage.objects.get(pk=letter(1))
    row.row_pk = "in the second database"
    row.save(using="second", force_insert=True)

    assert run("cqrs_dead_letters", "dump")[1] == [
        f"#{row.pk} item 1: ValueError: no",
        f"#{row.pk} item in the second database: ValueError: no",
    ]
    with pytest.raises(CommandError, match=r"default, second.*--database"):
        run("cqrs_dead_letters", "purge", "--id", str(row.pk))
    assert run("cqrs_dead_letters", "purge", "--id", str(row.pk), "--database", "second")[0] == [
        "Total dead letters: 1",
        "Purged",
    ]
    assert ParkedMessage.objects.count() == 1
    with pytest.raises(CommandError, match="no inbox in database 'third'"):
        run("cqrs_dead_letters", "dump", "--database", "third")


def test_what_dies_while_letters_are_retried_waits_for_next_time() -> None:
    letter(1)
    letter(2)
    (store,) = in_inbox.stores(Selection())

    retried = []
    for attempt in store.retry():
        letter(3)
        ParkedMessage.objects.filter(status=Status.RETRYING).update(status=Status.DEAD)
        retried.append(attempt.letter.name.split()[-1])

    assert retried == ["1", "2"]
