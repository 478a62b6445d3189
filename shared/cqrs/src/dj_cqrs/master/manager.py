"""``Model.cqrs`` of master models: bulk writes that are recorded like single ones."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import models, router, transaction
from django.db.models import F
from django.utils import timezone

from dj_cqrs.master import marking, related, tracking
from dj_cqrs.master.revisions import chunks

if TYPE_CHECKING:
    _Manager = models.Manager[Any]
else:
    _Manager = models.Manager


class MasterManager(_Manager):
    """Manager of bulk writes that replicas learn of."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Creates rows in bulk and records each.

        Args:
            objs: instances; their keys come from the client or from the database.
            *args: of Django's ``bulk_create``.
            **kwargs: of Django's ``bulk_create``.

        Returns:
            The instances.

        Raises:
            ValueError: the database does not say which rows it wrote, so nobody could record
                them; give the instances their keys. Nothing is written then.
        """
        instances = list(objs)
        using = self._db or router.db_for_write(self.model)
        for instance in instances:
            instance.cqrs_revision = 0
        with transaction.atomic(using=using, savepoint=False):
            created = super().using(using).bulk_create(instances, *args, **kwargs)
            self._refuse_unknown_keys(created)
            if kwargs.get("update_conflicts"):
                related.raise_revisions(self.model, [row.pk for row in created], using)
            self.model.call_post_bulk_create(created, using=using)
        return list(created)

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
            previous = self._lock(queryset, using)
            self._update(list(previous), using, kwargs)
            rows = marking.rows_updated(model, previous, using)
            model.call_post_update(rows, using=using)
        return len(previous)

    def _lock(
        self, queryset: "models.QuerySet[Any]", using: str
    ) -> Mapping[Any, dict[str, Any] | None]:
        """Keys of the rows, locked, with their tracked values."""
        pks = list(queryset.using(using).values_list("pk", flat=True))
        if tracking.tracked_fields(self.model):
            return tracking.read_previous(self.model, pks, using)
        rows = self.model._base_manager.using(using).select_for_update().order_by("pk")
        return {
            pk: None
            for chunk in chunks(pks)
            for pk in rows.filter(pk__in=chunk).values_list("pk", flat=True)
        }

    def _update(self, pks: list[Any], using: str, values: dict[str, Any]) -> None:
        groups: dict[int, list[Any]] = {0: [], 1: []}
        for pk in pks:
            groups[0 if marking.is_changed(self.model, pk, using) else 1].append(pk)
        for step, group in groups.items():
            for chunk in chunks(group):
                self.model._base_manager.using(using).filter(pk__in=chunk).update(
                    cqrs_revision=F("cqrs_revision") + step,
                    cqrs_updated=timezone.now(),
                    **values,
                )

    def _refuse_unknown_keys(self, created: list[Any]) -> None:
        if any(instance.pk is None for instance in created):
            raise ValueError(
                f"{self.model.__name__}.cqrs.bulk_create: the database does not tell the keys of "
                "the rows (ignore_conflicts, or a database without RETURNING). Set them first."
            )
