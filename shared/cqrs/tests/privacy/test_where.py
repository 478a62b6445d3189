"""No log line, reason, traceback or page of the admin holds a private value."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client, modify_settings
from django.urls import reverse
from pytest_django import Settings

from dj_cqrs.controller import consumer, producer
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.master import selection
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.testing import payload
from dj_cqrs.transport.base import Delivery
from dj_cqrs.transport.memory import MemoryTransport
from tests.app.master_models import Author
from tests.app.replica_models import HookedItem, Item, Mapped, Notifier, Unique
from tests.commands.conftest import Run, run
from tests.replica.conftest import _forgetful_models, memory_broker
from tests.replica.parked import parked
from tests.replica.support import save

__all__ = ["_forgetful_models", "memory_broker", "run"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("memory_broker"),
]

SECRET = "ada.lovelace@example"


@pytest.fixture(autouse=True)
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    for model, names in (
        (Unique, ("code",)),
        (HookedItem, ["name"]),
        (Item, ("name",)),
        (Mapped, {"title"}),
        (Notifier, ("name",)),
        (Author, ("name",)),
    ):
        monkeypatch.setattr(model, "CQRS_PRIVATE_FIELDS", names)


@pytest.fixture(autouse=True)
def nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG", "django-cqrs")
    yield
    assert SECRET not in caplog.text


def _apply(raw: RawMessage) -> ParkedMessage:
    apply_batch([raw])
    letter = parked()
    assert SECRET not in letter.reason
    assert SECRET not in letter.traceback
    assert "***" in letter.reason or "UNIQUE" in letter.reason  # SQLite quotes nothing
    assert SECRET.encode() in bytes(letter.body)
    return letter


def test_the_database_quotes_a_unique_value() -> None:
    apply_batch([save(0, cqrs_id="unique", code=SECRET)])
    _apply(save(0, cqrs_id="unique", pk=2, code=SECRET))


def test_a_hook_quotes_a_value() -> None:
    HookedItem.explosive.add(SECRET)
    letter = _apply(save(0, cqrs_id="hooked_item", name=SECRET))
    assert letter.reason == "RuntimeError: the hook does not like ***"
    assert 'raise RuntimeError(f"the hook' in letter.traceback


@pytest.mark.parametrize("price", [SECRET * 10, {"first": SECRET}, [SECRET]])
def test_the_library_quotes_what_a_field_cannot_hold(
    monkeypatch: pytest.MonkeyPatch, price: Any
) -> None:
    monkeypatch.setattr(Item, "CQRS_PRIVATE_FIELDS", ("price",))
    letter = _apply(save(0, name="x", price=price))
    assert letter.reason.startswith("MappingError: Field 'price' cannot hold ***")


def test_a_renamed_field_is_private_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(sync: bool, mapped_data: Any, **_: Any) -> Any:
        raise ValidationError(f"no {mapped_data['label']}, please")

    monkeypatch.setattr(Mapped, "cqrs_create", fail)
    state = {"cqrs_revision": 0, "cqrs_updated": "2026-01-01 00:00:00Z"}
    assert Mapped.cqrs_save({"id": 1, "title": SECRET, **state}) is None
    assert "no ***, please" in caplog.text


def test_what_is_consumed_in_process_is_logged_without_values(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pk in (1, 2):
        consumer.consume(payload("unique", {"id": pk, "code": SECRET}))
    assert "CQRS create error: pk = 2 (unique)." in caplog.text
    state = {"cqrs_revision": 0, "cqrs_updated": "2026-01-01 00:00:00Z"}
    assert Unique.cqrs_save({"id": 3, "code": SECRET, **state}) is None
    monkeypatch.setattr(Item, "CQRS_PRIVATE_FIELDS", ("price",))
    assert Item.cqrs_save({"id": 3, "name": "x", "price": [SECRET], **state}) is None
    assert "cannot hold ***" in caplog.text


def test_without_an_inbox_the_reason_of_a_dead_letter_is_masked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(master_data: Any, **_: Any) -> bool:
        raise ValueError(f"cannot notify {master_data['name']}")

    monkeypatch.setattr(Notifier, "cqrs_save", fail)
    settings.CQRS = {**settings.CQRS, "replica": {"CQRS_MAX_RETRIES": 0}}
    raw = save(0, cqrs_id="notifier", name=SECRET)
    delivery = Delivery(raw.body, raw.routing_key, raw.headers, redelivered=False, tag=1)

    (settlement,) = PlainApplier().apply([delivery])

    assert settlement.reason == "ValueError: cannot notify ***"  # type: ignore[attr-defined]


def test_a_broken_policy_quotes_the_error_that_it_was_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(current_retry: int, exception: Exception | None = None) -> bool:
        raise LookupError(f"what to do with {exception}?")

    HookedItem.explosive.add(SECRET)
    monkeypatch.setattr(HookedItem, "should_retry_cqrs", staticmethod(ask))
    _apply(save(0, cqrs_id="hooked_item", name=SECRET))


def test_a_log_hook_of_ones_own_fails_with_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def hook(payload: Any) -> None:
        raise ValueError(f"cannot log {payload.instance_data}")

    monkeypatch.setattr(MemoryTransport, "log_consumed", staticmethod(hook))
    apply_batch([save(0, name=SECRET)])
    assert Item.objects.get().name == SECRET


def test_direct_mode_tells_why_a_message_was_not_sent_without_its_values(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(payload: Any) -> None:
        raise ValueError(f"cannot send {payload.instance_data}")

    monkeypatch.setattr(producer, "produce", fail)
    with modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.outbox"]}):
        Author.objects.create(name=SECRET)
    assert "cannot send {'id': " in caplog.text
    assert "'name': '***'" in caplog.text


def test_a_master_does_not_tell_what_users_code_says_of_its_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    author = Author.objects.create(name=SECRET)

    def fail(self: Any, *_: Any, **__: Any) -> Any:
        raise ValueError(f"cannot serialize {self.name}")

    monkeypatch.setattr(Author, "to_cqrs_dict", fail)
    for name, *options in (["cqrs_sync", "-f", "{}"], ["cqrs_bulk_dump", "-o", "-"]):
        with pytest.raises(CommandError) as raised:
            call_command(name, "--cqrs-id", "author", *options)
        told = "".join([*capsys.readouterr(), str(raised.value)])
        assert f"failed for pk={author.pk}: ValueError: (not told, since Author has" in told
        assert SECRET not in told


def test_the_admin_of_a_master_logs_no_values(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    author = Author.objects.create(name=SECRET)

    def fail(self: Any, *_: Any, **__: Any) -> Any:
        raise ValueError(f"cannot serialize {self.name}")

    monkeypatch.setattr(Author, "to_cqrs_dict", fail)
    assert selection.sync_in_bulk([author]).failed == [author]
    assert "ValueError: (not told" in caplog.text


def test_loading_a_dump_tells_no_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "dump"
    row = {"code": SECRET, "cqrs_revision": 0, "cqrs_updated": "2026-01-01 00:00:00Z"}
    lines = [json.dumps({"id": pk, **row}) for pk in (1, 2)]
    dump.write_text("\n".join(["unique", *lines]))

    with pytest.raises(CommandError):
        call_command("cqrs_bulk_load", "-i", str(dump))

    out, err = capsys.readouterr()
    assert "line 3" in err
    assert SECRET not in out + err


# Views


def _letters() -> dict[str, int]:
    """A readable letter, one of an unknown model, and one that is no JSON."""
    HookedItem.explosive.add(SECRET)
    bodies = {
        "known": save(0, cqrs_id="hooked_item", name=SECRET, note="public note"),
        "unknown": save(0, cqrs_id="of_tomorrow", name=SECRET),
        "broken": RawMessage(f'{{"name": "{SECRET}"'.encode(), "item", {}),
    }
    ids = {}
    for name, raw in bodies.items():
        apply_batch([raw])
        ids[name] = ParkedMessage.objects.latest("pk").pk
    ParkedMessage.objects.update(status=ParkedMessage.Status.DEAD, due_at=None)
    return ids


def test_the_admin_shows_bodies_without_their_private_values(admin_client: Client) -> None:
    ids = _letters()
    pages = {
        name: admin_client.get(
            reverse("admin:cqrs_inbox_parkedmessage_change", args=[pk])
        ).content.decode()
        for name, pk in ids.items()
    }
    for page in pages.values():
        assert SECRET not in page
    assert "public note" in pages["known"]
    assert "cqrs_dead_letters dump prints them" in pages["unknown"]
    assert "cqrs_dead_letters dump prints them" in pages["broken"]

    listing = admin_client.get(reverse("admin:cqrs_inbox_parkedmessage_changelist"))
    assert SECRET not in listing.content.decode()


def test_where_nothing_is_private_the_admin_shows_all(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = _letters()
    for model in (Unique, HookedItem, Item, Mapped, Notifier, Author):
        monkeypatch.setattr(model, "CQRS_PRIVATE_FIELDS", ())
    for pk in ids.values():
        url = reverse("admin:cqrs_inbox_parkedmessage_change", args=[pk])
        assert SECRET in admin_client.get(url).content.decode()


def test_the_admin_shows_the_beginning_of_a_large_body(admin_client: Client) -> None:
    raw = save(0, cqrs_id="hooked_item", name="x", price="no number", note="-" * 200_000)
    apply_batch([raw])
    url = reverse("admin:cqrs_inbox_parkedmessage_change", args=[parked().pk])
    page = admin_client.get(url).content.decode()
    assert f"({len(raw.body)} bytes; cqrs_dead_letters dump prints all)" in page
    assert 100_000 < len(page) < 150_000


def test_the_outbox_admin_shows_no_values(admin_client: Client) -> None:
    Author.objects.create(name=SECRET)
    message = OutboxMessage.objects.get()
    url = reverse("admin:cqrs_outbox_outboxmessage_change", args=[message.pk])
    assert SECRET not in admin_client.get(url).content.decode()


def test_the_command_masks_bodies_for_people_only(run: Run) -> None:
    _letters()
    out, err = run("cqrs_dead_letters", "dump")
    assert "\n".join(out).count(SECRET) == 3  # pipes get them whole
    assert SECRET not in "\n".join(err)

    out, err = run("cqrs_dead_letters", "dump", "--masked")
    assert SECRET not in "\n".join(out + err)
    assert json.loads(out[0])["instance_data"]["name"] == "***"
    assert json.loads(out[0])["instance_data"]["note"] == "public note"

    out, err = run("cqrs_dead_letters", "retry", "--masked")
    assert SECRET not in "\n".join(out + err)
    assert ParkedMessage.objects.filter(status=ParkedMessage.Status.DEAD).count() == 0
