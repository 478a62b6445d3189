"""``CQRS_RELATED``: rows that other rows' payloads embed.

A track's payload holds its artist's name, so it is stale as soon as the artist is saved. The
declaration on the track says so, and saving an artist sends its tracks in the same transaction.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import router
from django.db.models import F
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
        for path in model.CQRS_RELATED:
            for prefix, related_model in steps(model, path):
                _connect(model, prefix, related_model)


def steps(model: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yields every row on a path: ("album", Album), ("album__artist", Artist).

    Raises:
        ConfigurationError: a part of the path is no relation.
    """
    current, prefix = model, ""
    for part in path.split("__"):
        try:
            current = current._meta.get_field(part).related_model
        except FieldDoesNotExist:
            current = None
        if current is None:
            raise ConfigurationError(
                f"Model {model.__name__}: CQRS_RELATED path {path!r} leads nowhere at {part!r}; "
                "it must be a lookup over relations, such as 'album__artist'."
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
    groups: dict[tuple[Any, str], list[Any]] = {}
    for mark in marks:
        groups.setdefault((mark.model, mark.path), []).append(mark.pk)
    seen = {row for row, change in changes.items() if change.is_changed}
    for (model, path), pks in groups.items():
        untouched = [pk for pk in _embedding(model, path, pks, using) if (model, pk) not in seen]
        raise_revisions(model, untouched, using)
        for pk in untouched:
            seen.add((model, pk))
            mark = Mark(Change.UPDATE, model, pk, using)
            mark.is_recorded = True
            yield mark


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
