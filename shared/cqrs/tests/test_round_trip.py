"""From a master's ``save()`` over the outbox and the wire into a replica's row, value by value."""

import datetime as dt
import ipaddress
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TransactionTestCase

from dj_cqrs.replica.outcome import Outcome
from tests.app.master_models import EveryKind, Note
from tests.app.replica_models import EveryField
from tests.replication import replicate

#: What every database can hold: no NUL, no lone surrogates.
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)
_moments = st.datetimes(
    min_value=dt.datetime(1900, 1, 2), max_value=dt.datetime(2900, 1, 1), timezones=st.just(dt.UTC)
)


def _is_own_form(address: str) -> bool:
    """Not an IPv4 address in IPv6 clothes, which Django takes off when it saves."""
    return not address.startswith("::ffff:")


_decimals = st.decimals(-(10**17), 10**17, places=20)

_values = {
    "boolean": st.booleans(),
    "char": _text,
    "text": _text,
    "slug": st.from_regex(r"[-a-zA-Z0-9_]{1,50}", fullmatch=True),
    "small": st.integers(-(2**15), 2**15 - 1),
    "big": st.integers(-(2**63), 2**63 - 1),
    "floating": st.floats(allow_nan=False, allow_infinity=False, width=64),
    "date": st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)),
    "moment": _moments,
    "time": st.times(),
    "duration": st.timedeltas(dt.timedelta(days=-10_000), dt.timedelta(days=10_000)),
    "binary": st.binary(max_size=50),
    "json": _json,
    "unique_id": st.uuids(version=4),
    "address": (st.ip_addresses(v=4) | st.ip_addresses(v=6)).map(str).filter(_is_own_form),
}


def _row(values: dict[str, Any], instance: Any) -> dict[str, Any]:
    """The stored values of a row, of the columns that were set."""
    names = [*values, "cqrs_revision", "cqrs_updated"]
    fresh = type(instance)._base_manager.values(*names).get(pk=instance.pk)
    return {
        name: bytes(value) if isinstance(value, memoryview) else value
        for name, value in fresh.items()
    }


class RoundTripTests(TransactionTestCase):
    """Hypothesis fills every kind of column with everything that the database takes."""

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
    )
    @given(
        values=st.fixed_dictionaries(
            {}, optional={name: st.none() | kind for name, kind in _values.items()}
        ),
        decimal=st.none() | _decimals,
    )
    def test_every_value_that_a_field_can_hold_survives(
        self, values: dict[str, Any], decimal: Decimal | None
    ) -> None:
        if connection.vendor == "sqlite":
            # SQLite keeps decimals as floating point numbers: 15 digits are sure to survive it.
            decimal = decimal and decimal.quantize(Decimal("0.00001")) % 1_000_000
        values = {**values, "decimal": decimal}
        master = EveryKind.objects.create(**values)

        assert replicate() == [Outcome.APPLIED]

        copy = EveryField.objects.get(pk=master.pk)
        assert _row(values, copy) == _row(values, master)


@pytest.mark.django_db(transaction=True)
def test_a_foreign_key_and_a_file_name_arrive_as_they_are() -> None:
    note = Note.objects.create(text="x")
    replicate()
    master = EveryKind.objects.create(link=note, file="uploads/a b.pdf")

    assert replicate() == [Outcome.APPLIED]

    assert EveryField.objects.get(pk=master.pk).link_id == note.pk


@pytest.mark.django_db(transaction=True)
def test_an_update_to_null_arrives() -> None:
    master = EveryKind.objects.create(
        char="x", json={"a": 1}, address=str(ipaddress.ip_address(1))
    )
    master.char = master.json = master.address = None
    master.save()

    assert replicate() == [Outcome.APPLIED, Outcome.APPLIED]

    copy = EveryField.objects.get(pk=master.pk)
    assert (copy.char, copy.json, copy.address) == (None, None, None)
    assert copy.cqrs_revision == 1
