"""Arrays, which only PostgreSQL has, from a master's column into a replica's."""

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.test.utils import isolate_apps

from dj_cqrs.mixins import MasterMixin, ReplicaMixin
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry
from dj_cqrs.replica.outcome import Outcome
from tests.replication import replicate

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """A master and a replica with columns of arrays."""
    for registry in (MasterRegistry, ReplicaRegistry):
        monkeypatch.setattr(registry, "models", dict(registry.models))
    with isolate_apps("tests.app"):

        class Listing(MasterMixin):
            CQRS_ID = "listing"

            numbers = ArrayField(models.DecimalField(max_digits=30, decimal_places=18), null=True)
            keys = ArrayField(ArrayField(models.UUIDField()), null=True)
            days = ArrayField(models.DateField(), null=True)

            class Meta:
                app_label = "app"

        class ListingCopy(ReplicaMixin):
            CQRS_ID = "listing"

            numbers = ArrayField(models.DecimalField(max_digits=30, decimal_places=18), null=True)
            keys = ArrayField(ArrayField(models.UUIDField()), null=True)
            days = ArrayField(models.DateField(), null=True)

            class Meta:
                app_label = "app"

    with connection.schema_editor() as editor:
        editor.create_model(Listing)
        editor.create_model(ListingCopy)
    yield Listing, ListingCopy
    with connection.schema_editor() as editor:
        editor.delete_model(Listing)
        editor.delete_model(ListingCopy)


def test_w7_arrays_of_every_kind_arrive(tables: tuple[Any, Any]) -> None:
    master, replica = tables
    values = {
        "numbers": [Decimal("0.100000000000000001"), None],
        "keys": [[uuid.UUID(int=1)], [uuid.UUID(int=2)]],
        "days": [],
    }
    row = master.objects.create(**values)
    empty = master.objects.create()

    assert replicate() == [Outcome.APPLIED, Outcome.APPLIED]

    assert replica.objects.values(*values).get(pk=row.pk) == values
    assert replica.objects.values(*values).get(pk=empty.pk) == dict.fromkeys(values)
