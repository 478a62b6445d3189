"""``CQRS_RELATED``: rows that other rows' payloads embed.

A track's payload holds its artist's name, so it is stale as soon as the artist is saved. The
declaration on the track says so, and saving an artist sends its tracks in the same transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, router
from django.db.models import F, ForeignKey
from django.db.models.signals import post_save
from django.utils import timezone

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.master.marks import Change, Mark, Row
from dj_cqrs.master.revisions import chunks
from dj_cqrs.registries import MasterRegistry


def connect() -> None:
    """Connects the signals of every row that a master model declares as embedded.

    Raises:
        ConfigurationError: a path of ``CQRS_RELATED`` leads nowhere.
    """
    for model in MasterRegistry.models.values():
        for prefix, related_model in embedded(model).items():
            _connect(model, prefix, related_model)


def embedded(model: Any) -> dict[str, Any]:
    """The models whose rows a model embeds, by the lookup that leads to them."""
    found: dict[str, Any] = {}
    for path in model.CQRS_RELATED:
        found.update(steps(model, path))
    return found


def steps(model: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yields every row on a path: ("album", Album), ("album__artist", Artist).

    Raises:
        ConfigurationError: a part of the path is no relation.
    """
    current, prefix = model, ""
    for part in path.split("__"):
        current = _parent(current, part)
        if current is None:
            raise ConfigurationError(
                f"Model {model.__name__}: CQRS_RELATED path {path!r} leads nowhere at {part!r}; "
                "it must be a lookup over foreign keys of this side, such as 'album__artist'."
            )
        prefix = f"{prefix}__{part}" if prefix else part
        yield prefix, current


def touch(marks: Iterable[Mark], changes: dict[Row, Any], using: str) -> Iterator[Mark]:
    """Raises the revision of rows whose payload embeds a saved row, and marks them.

    Args:
        marks: RELATED marks of the transaction.
        changes: rows that are recorded anyhow; those stay as they are.
        using: database alias.
    """
    saved: dict[tuple[Any, str], list[Any]] = {}
    for mark in marks:
        saved.setdefault((mark.model, mark.path), []).append(mark.pk)
    touched: dict[Any, set[Any]] = {}
    for (model, path), pks in saved.items():
        touched.setdefault(model, set()).update(_embedding(model, path, pks, using))
    known = {row for row, change in changes.items() if change.is_changed}
    for model, rows in touched.items():
        pks = sorted(pk for pk in rows if (model, pk) not in known)
        raise_revisions(model, pks, using)
        for pk in pks:
            mark = Mark(Change.UPDATE, model, pk, using)
            mark.is_recorded = True
            yield mark


def hold_embedded(model: Any, pks: Sequence[Any], using: str) -> None:
    """Waits for whoever is changing a row that new rows embed, and makes later ones wait.

    Somebody who renames an artist does not see the tracks that others are just creating, and
    those would be sent with the name that they still see. A shared lock on the artist lets one
    of the two go first. Only new rows ask for it: nobody else can be waiting for their own lock.
    """
    if not connections[using].features.has_select_for_update:
        return
    for path, related_model in embedded(model).items():
        for chunk in chunks(pks):
            rows = model._base_manager.using(using).filter(pk__in=chunk)
            held = rows.exclude(**{path: None}).values_list(path, flat=True).distinct()
            _share(related_model, sorted(held), using)


def _share(model: Any, pks: list[Any], using: str) -> None:
    rows = model._base_manager.using(using).filter(pk__in=pks).order_by("pk").values_list("pk")
    if not pks:
        return
    if connections[using].vendor != "postgresql":
        list(rows.select_for_update())  # Django has no name for a shared lock
        return
    sql, parameters = rows.query.get_compiler(using).as_sql()
    with connections[using].cursor() as cursor:
        cursor.execute(f"{sql} FOR SHARE", parameters)


def raise_revisions(model: Any, pks: Iterable[Any], using: str) -> None:
    """Raises the revision of rows by one, locking them in the order of their keys.

    An UPDATE alone locks in the order in which it meets them, and two would block each other.
    """
    rows = model._base_manager.using(using)
    for chunk in chunks(list(pks)):
        locked = rows.filter(pk__in=chunk).select_for_update().order_by("pk")
        rows.filter(pk__in=list(locked.values_list("pk", flat=True))).update(
            cqrs_revision=F("cqrs_revision") + 1, cqrs_updated=timezone.now()
        )


def _parent(model: Any, name: str) -> Any:
    """The model that a foreign key points to; None for anything else of that name.

    Rows on the far side of a reverse or many-to-many relation come and go without a signal for
    the row that embeds them.
    """
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field.related_model if isinstance(field, ForeignKey) else None


def _embedding(model: Any, path: str, pks: list[Any], using: str) -> Iterator[Any]:
    for chunk in chunks(list(dict.fromkeys(pks))):
        rows = model._base_manager.using(using).filter(**{f"{path}__in": chunk})
        yield from rows.order_by("pk").values_list("pk", flat=True).distinct()


def _connect(model: Any, path: str, related_model: Any) -> None:
    from dj_cqrs.master import marking
    from dj_cqrs.signals import post_update

    def on_save(instance: Any, using: str, **kwargs: Any) -> None:
        if not kwargs["created"]:
            marking.related_saved(model, path, [instance.pk], using)

    def on_bulk_update(sender: Any, using: str | None = None, **kwargs: Any) -> None:
        rows = kwargs["instances"]
        pks = rows.pks if isinstance(rows, marking.RecordedRows) else [row.pk for row in rows]
        marking.related_saved(model, path, pks, using or router.db_for_write(sender))

    uid = f"cqrs-related-{model.CQRS_ID}-{path}"
    for candidate in apps.get_models():
        if candidate._meta.concrete_model is related_model._meta.concrete_model:
            post_save.connect(on_save, sender=candidate, weak=False, dispatch_uid=uid)
            post_update.connect(on_bulk_update, sender=candidate, weak=False, dispatch_uid=uid)
