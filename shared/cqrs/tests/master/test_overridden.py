"""What users override is asked, on the row as it is and with what they hung on their object."""

from typing import Any

import pytest
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test import override_settings

from dj_cqrs.outbox.models import DeletedRow
from tests.app.master_models import Author, Book, Hidden, Signed
from tests.app.serializers import BookSerializer
from tests.master.outbox_reader import summary, take

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def signed(transactional_db: None) -> Signed:
    """A public row whose creation was taken from the outbox."""
    row = Signed.objects.create(name="old", is_public=True)
    take()
    return row


def test_a_payload_is_told_whether_it_is_for_a_sync_and_sees_the_object(signed: Signed) -> None:
    signed.by = "me"
    with transaction.atomic():
        signed.name = "new"
        signed.save()
        signed.cqrs_sync(queue="q")

    save, sync = take()
    assert (save["instance_data"]["is_sync"], sync["instance_data"]["is_sync"]) == (False, True)
    assert save["instance_data"]["by"] == sync["instance_data"]["by"] == "me"


def test_an_attribute_that_was_changed_after_its_save_is_not_sent(signed: Signed) -> None:
    with transaction.atomic():
        signed.save()
        signed.name, signed.is_public = "never saved", False

    (message,) = take()
    assert message["instance_data"]["name"] == "old"


def test_previous_values_are_those_that_the_model_tells(signed: Signed) -> None:
    signed.name = "new"
    signed.save()

    assert [message["previous_data"] for message in take()] == [{"before": {"name": "old"}}]


def test_a_stale_object_does_not_keep_a_row_at_home_that_another_one_made_public() -> None:
    pk = Signed.objects.create(name="x").pk
    first, second = (Signed.objects.get(pk=pk) for _ in range(2))
    with transaction.atomic():
        first.is_public = True
        first.save()
        second.name = "y"
        second.save(update_fields=["name"])
    with transaction.atomic():
        Signed.objects.get(pk=pk).save()
        Signed.cqrs.bulk_update(Signed.objects.filter(pk=pk), is_public=False)

    assert summary(take()) == [("SAVE", "signed", pk, 1)]


def test_a_hook_that_a_test_replaces_on_the_object_is_asked(author: Author) -> None:
    author.is_sync_instance = lambda: False  # type: ignore[method-assign]
    author.save()

    assert take() == []


def test_a_row_that_stays_at_home_is_deleted_without_a_word_but_remembered() -> None:
    row = Signed.objects.create(name="x")
    pk = row.pk
    row.delete()

    assert take() == []
    assert DeletedRow.objects.get().revision == 1
    again = Signed.objects.create(pk=pk, name="again", is_public=True)
    assert (again.cqrs_revision, summary(take())) == (2, [("SAVE", "signed", pk, 2)])


def test_a_row_that_stays_at_home_can_be_replaced_by_one_that_does_not(signed: Signed) -> None:
    pk = signed.pk
    Signed.cqrs.bulk_update(Signed.objects.all(), is_public=False)
    with transaction.atomic():
        Signed.objects.get(pk=pk).delete()
        Signed.objects.create(pk=pk, name="again", is_public=True)

    assert summary(take()) == [("SAVE", "signed", pk, 2)]


def test_a_stale_object_does_not_hide_the_deletion_of_a_public_row() -> None:
    stale = Signed.objects.create(name="x")
    pk = stale.pk
    Signed.cqrs.bulk_update(Signed.objects.all(), is_public=True)
    take()

    stale.delete()

    assert summary(take()) == [("DELETE", "signed", pk, 2)]


def test_the_tracker_loads_no_objects_whose_init_looks_at_other_fields(signed: Signed) -> None:
    row = Signed.objects.get(pk=signed.pk)
    row.name = "new"
    with transaction.atomic():
        row.save()
    Signed.cqrs.bulk_update(Signed.objects.all(), name="newer")

    assert [message["previous_data"]["before"] for message in take()] == [
        {"name": "old"},
        {"name": "new"},
    ]


def test_a_default_manager_that_refuses_to_work_stops_no_plain_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = Hidden.objects.create(name="x")
    take()

    def refuse(self: Any) -> models.QuerySet[Any]:
        raise PermissionError("nobody is logged in")

    monkeypatch.setattr(type(Hidden._default_manager), "get_queryset", refuse)
    row.save()

    assert summary(take()) == [("SAVE", "hidden", row.pk, 1)]


def test_the_serializer_can_be_found_and_replaced_on_the_class(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    Book.objects.create(title="Solaris", author=author).to_cqrs_dict()
    assert vars(Book)["_cqrs_serializer_class"] is BookSerializer

    class Other:
        def __init__(self, instance: Book) -> None:
            self.data = {"id": instance.pk, "other": True}

    monkeypatch.setattr(Book, "_cqrs_serializer_class", Other)
    take()
    Book.objects.get().save()

    assert [message["instance_data"]["other"] for message in take()] == [True]


@override_settings(USE_TZ=False)
def test_messages_expire_at_an_aware_time_in_any_settings() -> None:
    from dj_cqrs.utils import get_message_expiration_dt

    expires = get_message_expiration_dt(10)
    assert expires is not None
    assert expires.tzinfo is not None


class Shouting(models.QuerySet[Author]):
    """A queryset of the user's, whose updates do more."""

    def update(self, **kwargs: Any) -> int:
        return super().update(**{**kwargs, "name": kwargs["name"].upper()})


def test_a_bulk_update_is_that_of_the_users_queryset(author: Author) -> None:
    assert Author.cqrs.bulk_update(Shouting(Author).filter(name="Lem"), name="solaris") == 1

    assert [message["instance_data"]["name"] for message in take()] == ["SOLARIS"]


def test_a_bulk_update_may_refer_to_annotations(author: Author) -> None:
    rows = Author.objects.annotate(full=Concat("name", Value(", S.")))
    assert Author.cqrs.bulk_update(rows.filter(name="Lem"), name=F("full")) == 1

    assert [message["instance_data"]["name"] for message in take()] == ["Lem, S."]
