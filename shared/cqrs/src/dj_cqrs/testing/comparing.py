"""Comparing a replica's table with its master's, through everything that lies between them."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from django.db import router

from dj_cqrs import wire
from dj_cqrs.master.serialization import read_rows, spare_reading
from dj_cqrs.replica import mapping

_MAX_NAMED: Final = 10

Rows = dict[Any, dict[str, Any]]


def assert_in_sync(master: Any, replica: Any, *, fields: Collection[str] | None = None) -> None:
    """Asserts that a replica model has the rows and the values that its master would send now.

    What the master sends (its fields or serializer) is read as the replica reads it
    (``CQRS_MAPPING``, types) and compared with the replica's columns, revision and time
    included. Rows that the master keeps at home (``is_sync_instance``) are not looked at.

    Args:
        master: the master model.
        replica: the replica model, keyed by the master's key.
        fields: names of the replica's fields to compare; None for all that the master fills.
            Where hooks of the replica make other values of it, name those that they leave alone.
            With ``CQRS_CUSTOM_SERIALIZATION``, None means revision and time alone.

    Raises:
        AssertionError: they differ; its text names the rows and the fields.
    """
    names = _compared(replica, fields)
    expected, at_home = _of_master(master, replica, names)
    found = _of_replica(replica)
    missing = [pk for pk in expected if pk not in found]
    extra = [pk for pk in found if pk not in expected and pk not in at_home]
    differing = [
        f"{pk!r}: {'; '.join(words)}"
        for pk, row in expected.items()
        if pk in found and (words := _differences(row, found[pk]))
    ]
    if missing or extra or differing:
        parts = (
            *_part("missing in the replica", [repr(pk) for pk in missing], ", "),
            *_part("only in the replica", [repr(pk) for pk in extra], ", "),
            *_part("different", differing, "\n    "),
        )
        raise AssertionError(
            "\n  ".join((f"{replica.__name__} is not in sync with {master.__name__}:", *parts))
        )


def _compared(replica: Any, fields: Collection[str] | None) -> set[str]:
    """The key, and the fields that are compared."""
    columns = mapping.fields_by_name(replica)
    if fields is None and replica.CQRS_CUSTOM_SERIALIZATION:
        fields = mapping.CQRS_FIELDS
    names = set(columns if fields is None else fields)
    if unknown := names - columns.keys():
        raise ValueError(f"{replica.__name__} has no fields {', '.join(sorted(unknown))}.")
    return names | {replica._meta.pk.name}


def _of_master(master: Any, replica: Any, names: Collection[str]) -> tuple[Rows, set[Any]]:
    """What the replica should have by key, and the keys of the rows that stay at home."""
    using = router.db_for_write(master)
    pks = list(master._base_manager.using(using).values_list("pk", flat=True))
    key = replica._meta.pk
    expected: Rows = {}
    at_home = set()
    for row in read_rows(master, pks, using):
        spare_reading(row)
        if not row.is_sync_instance():
            at_home.add(mapping.to_python(key, wire.to_plain(row.pk)))
            continue
        sent = wire.decode(wire.encode(row.to_cqrs_dict(using)))
        mapped = mapping.map_instance_data(replica, sent)
        values = mapping.to_attributes(
            replica, {name: value for name, value in mapped.items() if name in names}
        )
        expected[values[key.attname]] = values
    return expected, at_home


def _of_replica(replica: Any) -> Rows:
    rows = replica._base_manager.using(router.db_for_write(replica)).order_by("pk").values()
    return {row[replica._meta.pk.attname]: row for row in rows}


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} is {_plain(found[name])!r}, the master has {_plain(value)!r}"
        for name, value in expected.items()
        if _plain(found[name]) != _plain(value)
    ]


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _part(title: str, words: list[str], separator: str) -> list[str]:
    if not words:
        return []
    shown = words[:_MAX_NAMED]
    if len(words) > _MAX_NAMED:
        shown.append(f"and {len(words) - _MAX_NAMED} more")
    start = separator if separator.startswith("\n") else " "
    return [f"{title}:{start}{separator.join(shown)}"]
