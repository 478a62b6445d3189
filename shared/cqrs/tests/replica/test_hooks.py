"""Hooks do what they like; their messages are kept, and nobody else suffers (G6)."""

import asyncio
import contextlib
from typing import Any

import pytest
from django.db import IntegrityError

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.settlement import RetriedLater
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.transport.base import Delivery
from tests.app.replica_models import HookedItem, Item, Notifier, Unique
from tests.replica.support import save

pytestmark = pytest.mark.django_db(transaction=True)


class SpeechlessError(Exception):
    """An error that cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


ENDINGS = [SystemExit(3), asyncio.CancelledError(), BaseException("gevent's timeout is one")]


def _raise(error: BaseException) -> Any:
    def hook(*_: Any, **__: Any) -> Any:
        raise error

    return hook


@pytest.mark.parametrize("error", [*ENDINGS, SpeechlessError()], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("model", [HookedItem, Notifier])
def test_whatever_a_hook_raises_is_its_messages_problem(
    monkeypatch: pytest.MonkeyPatch, model: Any, error: BaseException
) -> None:
    monkeypatch.setattr(model, "cqrs_save", _raise(error))

    apply_batch([save(0, cqrs_id=model.CQRS_ID), save(0, pk=2, name="neighbour")])

    parked = ParkedMessage.objects.get()
    assert (parked.status, parked.cqrs_id) == (ParkedMessage.Status.RETRYING, model.CQRS_ID)
    assert Item.objects.get().name == "neighbour"


@pytest.mark.parametrize("error", [*ENDINGS, SpeechlessError()], ids=lambda e: type(e).__name__)
def test_so_it_is_without_an_inbox(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    monkeypatch.setattr(Notifier, "cqrs_save", _raise(error))
    delivery = Delivery(save(0, cqrs_id="notifier").body, "notifier", {}, False, 1)

    (settlement,) = PlainApplier().apply([delivery])

    assert isinstance(settlement, RetriedLater)


def test_a_hook_that_goes_on_after_an_error_of_the_database_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Django undoes what such a hook wrote. On some databases nothing else tells of it."""

    def create(cls: Any, /, sync: bool, mapped_data: dict[str, Any], **_: Any) -> Any:
        row = cls.objects.create(**mapped_data)
        with contextlib.suppress(IntegrityError):
            Unique.objects.bulk_create([Unique(id=1), Unique(id=1)])
        return row

    monkeypatch.setattr(HookedItem, "cqrs_create", classmethod(create))

    apply_batch([save(0, cqrs_id="hooked_item", name="x")])

    assert not HookedItem.objects.exists()
    assert "went on after an error" in ParkedMessage.objects.get().reason
