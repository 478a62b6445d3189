"""``Model.cqrs`` of master models: bulk writes that are recorded like single ones."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async
from django.db import connections, models, router, transaction
from django.db.models import F, Q
from django.utils import timezone

from dj_cqrs.master import marking, related, tracking
from dj_cqrs.master.marks import row_of
from dj_cqrs.master.revisions import chunks
from dj_cqrs.upserts import hits_only_named_rows

if TYPE_CHECKING:
    _Manager = models.Manager[Any]
else:
    _Manager = models.Manager


#: No row keeps this revision. It tells rows that an upsert created from those that it updated.
_JUST_CREATED: Final = -1


class MasterManager(_Manager):
    """Manager of bulk writes that replicas learn of."""

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Any]:
        """Creates rows in bulk and records each, and those that conflicts made it update.

        Args: as of Django's ``bulk_create``. Keys come from the client or from the database.

        Returns:
            The instances.

        Raises:
            ValueError: nobody could say which rows are written, and so record them: new rows
                without keys that the database does not tell (MySQL tells none), or (MySQL,
                MariaDB) conflicts on an index beside the key. Nothing is written then.
        """
        instances = list(objs)
        using = self._db or router.db_for_write(self.model)
        self._refuse_unknown_keys(instances, using, ignore_conflicts)
        self._refuse_unknown_conflicts(using, update_conflicts)
        for instance in instances:
            instance.cqrs_revision = _JUST_CREATED if update_conflicts else 0
        with transaction.atomic(using=using, savepoint=False):
            existing: Mapping[Any, Any] = {}
            if ignore_conflicts or update_conflicts:
                existing = self._lock_keys(self._named(instances, unique_fields, using), using)
            self.get_queryset().using(using).bulk_create(
                instances,
                batch_size=batch_size,
                ignore_conflicts=ignore_conflicts,
                update_conflicts=update_conflicts,
                update_fields=_without_revision(update_fields),
                unique_fields=unique_fields,
            )
            if update_conflicts:
                pks = self._named(instances, unique_fields, using)
                existing = {**self._not_created(pks, using), **existing}
            created = [each for each in instances if row_of(each)[1] not in existing]
            for instance in instances:
                instance.cqrs_revision = 0
            self.model.call_post_bulk_create(created, using=using)
            if update_conflicts:
                self._announce_updated(existing, using)
        return instances

    def bulk_update(self, queryset: "models.QuerySet[Any]", **kwargs: Any) -> int:  # type: ignore[override]
        """Updates the rows of a queryset and records each.

        Args:
            queryset: which rows.
            **kwargs: field name -> new value or expression.

        Returns:
            Number of rows.
        """
        model = self.model
        # What the queryset was told with using(), which is not what it would read from.
        given: str | None = queryset.__dict__["_db"]
        using = given or self._db or router.db_for_write(model)
        with transaction.atomic(using=using, savepoint=False):
            previous = self._lock(queryset.using(using), using)
            self._update(queryset.using(using), list(previous), kwargs)
            rows = marking.rows_updated(model, previous, using)
            model.call_post_update(rows, using=using)
        return len(previous)

    async def abulk_create(self, *args: Any, **kwargs: Any) -> list[Any]:
        """``bulk_create`` for asynchronous code."""
        return await sync_to_async(self.bulk_create)(*args, **kwargs)

    async def abulk_update(self, queryset: "models.QuerySet[Any]", **kwargs: Any) -> int:  # type: ignore[override]
        """``bulk_update`` for asynchronous code."""
        return await sync_to_async(self.bulk_update)(queryset, **kwargs)

    def _lock(
        self, queryset: "models.QuerySet[Any]", using: str
    ) -> Mapping[Any, dict[str, Any] | None]:
        """Keys of the rows, locked, with their tracked values."""
        locked = self._lock_keys(list(queryset.values_list("pk", flat=True)), using)
        if queryset.query.is_sliced:
            return locked
        # While we waited for a lock, somebody may have changed the row so that it is not meant.
        meant = {
            pk
            for chunk in chunks(list(locked))
            for pk in queryset.filter(pk__in=chunk).values_list("pk", flat=True)
        }
        return {pk: previous for pk, previous in locked.items() if pk in meant}

    def _lock_keys(self, pks: list[Any], using: str) -> Mapping[Any, dict[str, Any] | None]:
        if tracking.tracked_fields(self.model):
            return tracking.read_previous(self.model, pks, using)
        rows = self.model._base_manager.using(using).select_for_update().order_by("pk")
        return {
            pk: None
            for chunk in chunks(pks)
            for pk in rows.filter(pk__in=chunk).values_list("pk", flat=True)
        }

    def _named(
        self, instances: list[Any], unique_fields: Collection[str] | None, using: str
    ) -> list[Any]:
        """Keys of the rows that exist of those that instances name."""
        meta = self.model._meta
        names = [meta.pk.name if name == "pk" else name for name in unique_fields or ["pk"]]
        attributes = [meta.get_field(name).attname for name in names]
        pks: list[Any] = []
        for chunk in chunks(instances):
            keys = [[getattr(instance, name) for name in attributes] for instance in chunk]
            if len(attributes) == 1:
                wanted = Q(**{f"{attributes[0]}__in": [key for (key,) in keys]})
            else:
                wanted = Q(
                    *(Q(*zip(attributes, key, strict=True)) for key in keys), _connector=Q.OR
                )
            rows = self.model._base_manager.using(using).filter(wanted)
            pks += rows.values_list("pk", flat=True)
        return pks

    def _not_created(self, pks: list[Any], using: str) -> dict[Any, None]:
        """Those rows that an upsert has not created, which all others keep from now on.

        A row that somebody else inserted meanwhile could not be seen, let alone locked, before.
        """
        rows = self.model._base_manager.using(using)
        found: dict[Any, None] = {}
        for chunk in chunks(pks):
            here = rows.filter(pk__in=chunk)
            others = here.exclude(cqrs_revision=_JUST_CREATED)
            found |= dict.fromkeys(others.values_list("pk", flat=True))
            here.filter(cqrs_revision=_JUST_CREATED).update(cqrs_revision=0)
        return found

    def _announce_updated(self, existing: Mapping[Any, dict[str, Any] | None], using: str) -> None:
        changed = [pk for pk in existing if marking.is_changed(self.model, pk, using)]
        related.raise_revisions(self.model, [pk for pk in existing if pk not in changed], using)
        rows = marking.rows_updated(self.model, existing, using)
        self.model.call_post_update(rows, using=using)

    def _update(
        self, queryset: "models.QuerySet[Any]", pks: list[Any], values: dict[str, Any]
    ) -> None:
        using = queryset.db
        groups: dict[int, list[Any]] = {0: [], 1: []}
        for pk in pks:
            groups[0 if marking.is_changed(self.model, pk, using) else 1].append(pk)
        for step, group in groups.items():
            for chunk in chunks(group):
                _without_filters(queryset).filter(pk__in=chunk).update(
                    cqrs_revision=F("cqrs_revision") + step,
                    cqrs_updated=timezone.now(),
                    **values,
                )

    def _refuse_unknown_keys(
        self, instances: list[Any], using: str, ignore_conflicts: bool
    ) -> None:
        tells_keys = connections[using].features.can_return_rows_from_bulk_insert
        if tells_keys and not ignore_conflicts:
            return
        if any(instance.pk is None for instance in instances):
            raise ValueError(
                f"{self.model.__name__}.cqrs.bulk_create: the database does not tell the keys of "
                "the rows (ignore_conflicts, or a database without RETURNING: MySQL). Set them "
                "first, or create the rows one by one."
            )

    def _refuse_unknown_conflicts(self, using: str, update_conflicts: bool) -> None:
        if update_conflicts and not hits_only_named_rows(self.model, using):
            raise ValueError(
                f"{self.model.__name__}.cqrs.bulk_create: this database updates rows that clash "
                "on any unique index, so that nobody knows which ones. Update them by themselves."
            )


def _without_revision(names: Collection[str] | None) -> list[str] | None:
    """Fields to update without the one that this library counts in."""
    return None if names is None else [name for name in names if name != "cqrs_revision"]


def _without_filters(queryset: "models.QuerySet[Any]") -> "models.QuerySet[Any]":
    """All rows by a queryset of that class, whose ``update`` may be a user's.

    The rows are chosen and locked already. Where new values may refer to annotations, the queryset
    stays as it is.
    """
    if queryset.query.annotations and not queryset.query.is_sliced:
        return queryset.order_by()
    if type(queryset).update is models.QuerySet.update:
        rows: models.QuerySet[Any] = queryset.model._base_manager.using(queryset.db)
        return rows
    return type(queryset)(queryset.model, using=queryset.db)
