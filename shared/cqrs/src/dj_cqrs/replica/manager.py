"""``ReplicaManager``: saving and deleting one replica row by its own revision, outside the stream.

The consumer does not come here: it decides by the inbox ledger (``replica.apply``). These methods
are the public way for code that has a payload in hand; what they log and return is a contract.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.exceptions import ValidationError
from django.db import Error, models, router, transaction

from dj_cqrs.privacy import telling
from dj_cqrs.replica import mapping, order_log
from dj_cqrs.replica.read_only import ReplicaQuerySet

logger = logging.getLogger("django-cqrs")


class ReplicaManager(models.Manager.from_queryset(ReplicaQuerySet)):  # type: ignore[misc]
    """The ``cqrs`` manager of replica models."""

    def save_instance(
        self,
        master_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        sync: bool = False,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Creates or updates the row from a master's instance data.

        Args:
            master_data: instance data of a payload.
            previous_data: previous values of tracked fields.
            sync: whether the message is a SYNC.
            meta: metadata of the payload.

        Returns:
            The instance, or None if it could not be saved (the log says why).
        """
        try:
            mapped = mapping.map_instance_data(self.model, master_data)
            previous = mapping.map_previous_data(self.model, previous_data)
            with self._locking():
                return self._save_mapped(mapped, previous, sync, meta)
        except mapping.MappingError as error:
            told = telling.about_row(str(error), self.model, master_data)
            logger.error("%s", told)  # noqa: TRY400  (the text is a contract)
            return None

    def _save_mapped(
        self,
        mapped: dict[str, Any],
        previous: dict[str, Any] | None,
        sync: bool,
        meta: dict[str, Any] | None,
    ) -> Any:
        instance = self.find(mapped[self.model._meta.pk.name])
        # By name, as in django-cqrs: an override may take them as keyword arguments only.
        if instance is None:
            return self.create_instance(mapped, previous_data=previous, sync=sync, meta=meta)
        return self.update_instance(instance, mapped, previous_data=previous, sync=sync, meta=meta)

    def _locking(self) -> AbstractContextManager[Any]:
        """A row can be locked within a transaction only, and the caller may have none."""
        if self.model.CQRS_SELECT_FOR_UPDATE:
            return transaction.atomic(using=self.database)
        return nullcontext()

    def create_instance(
        self,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        sync: bool = False,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Creates the row from mapped instance data.

        Returns:
            The instance, or None if it could not be created (the log says why).
        """
        cqrs_id, pk = self.model.CQRS_ID, mapped_data[self.model._meta.pk.name]
        return self._attempt(
            lambda: self.call_create(mapped_data, previous_data, sync, meta),
            f"CQRS create error: pk = {pk} ({cqrs_id}).",
            mapped_data,
        )

    def update_instance(
        self,
        instance: Any,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        sync: bool = False,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Updates the row, unless it has this revision or a later one already.

        A SYNC is taken whatever its revision, since the caller asked for it.

        Returns:
            The instance, changed or not, or None if the update failed (the log says why).
        """
        if not self._is_to_be_applied(instance, mapped_data, sync):
            return instance
        pk, revision = instance.pk, mapped_data["cqrs_revision"]
        return self._attempt(
            lambda: self.call_update(instance, mapped_data, previous_data, sync, meta),
            f"CQRS update error: pk = {pk}, cqrs_revision = {revision} ({self.model.CQRS_ID}).",
            mapped_data,
        )

    def delete_instance(self, master_data: dict[str, Any]) -> bool:
        """Deletes the row, whatever its revision.

        Returns:
            True also if there was nothing to delete; False if it failed (the log says why).
        """
        cqrs_id = self.model.CQRS_ID
        try:
            pk = delete_key(self.model, master_data)
        except mapping.MappingError as error:
            logger.error("%s", error)  # noqa: TRY400  (the text is a contract)
            return False
        done = self._attempt(
            lambda: self.call_delete(pk),
            f"CQRS delete error: pk = {pk} ({cqrs_id}).",
            master_data,
        )
        return bool(done)

    def to_attributes(self, mapped_data: dict[str, Any]) -> dict[str, Any]:
        """Turns mapped data into attribute values of an instance.

        Raises:
            MappingError: a value does not fit its field.
        """
        return mapping.to_attributes(self.model, mapped_data)

    def find(self, pk: Any) -> Any:
        """The row with that key as on the wire, or None; locked with ``CQRS_SELECT_FOR_UPDATE``.

        Raises:
            MappingError: the key is none of this model.
        """
        key = mapping.to_python(self.model._meta.pk, pk)
        rows = self.model._default_manager.using(self.database).filter(pk=key).order_by()
        if self.model.CQRS_SELECT_FOR_UPDATE:
            rows = rows.select_for_update()
        return rows.first()

    @property
    def database(self) -> str:
        """Alias of the database that this model is written to."""
        return self._db or router.db_for_write(self.model)

    def call_create(
        self,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None,
        sync: bool,
        meta: dict[str, Any] | None,
    ) -> Any:
        """Calls the model's ``cqrs_create``, errors and all."""
        return self.model.cqrs_create(
            sync, mapped_data, previous_data=previous_data, **self._meta_kwargs(meta)
        )

    def call_update(
        self,
        instance: Any,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None,
        sync: bool,
        meta: dict[str, Any] | None,
    ) -> Any:
        """Calls the instance's ``cqrs_update``, errors and all."""
        return instance.cqrs_update(
            sync, mapped_data, previous_data=previous_data, **self._meta_kwargs(meta)
        )

    def call_delete(self, pk: Any) -> bool:
        """Deletes the row with that key, errors and all."""
        self.model._default_manager.using(self.database).filter(pk=pk).order_by().delete()
        return True

    def _meta_kwargs(self, meta: dict[str, Any] | None) -> dict[str, Any]:
        return {"meta": meta} if self.model.CQRS_META else {}

    def _attempt(self, action: Callable[[], Any], message: str, data: Any) -> Any:
        """Runs the action in a savepoint, so that its failure leaves the transaction usable."""
        try:
            with transaction.atomic(using=self.database):
                return action()
        except (Error, ValidationError, mapping.MappingError) as error:
            told = telling.about_row(str(error), self.model, data)
            logger.error("%s\n%s", told, message)  # noqa: TRY400  (the same)
            return None

    def _is_to_be_applied(self, instance: Any, mapped_data: dict[str, Any], sync: bool) -> bool:
        incoming, existing = int(mapped_data["cqrs_revision"]), instance.cqrs_revision
        pk, cqrs_id = instance.pk, self.model.CQRS_ID
        if sync:
            if incoming < existing:
                order_log.downgrade(pk, incoming, existing, cqrs_id)
            return True
        if incoming < existing:
            order_log.stale(logging.ERROR, pk, incoming, existing, cqrs_id)
        elif incoming == existing:
            order_log.duplicate(logging.ERROR, pk, incoming, cqrs_id)
        else:
            order_log.gap(pk, incoming, existing, cqrs_id)
        return bool(incoming > existing)


def delete_key(model: Any, master_data: dict[str, Any]) -> Any:
    """The primary key in the instance data of a DELETE, which has it under ``id`` always.

    Raises:
        MappingError: it, the revision or the time is missing, or it is no key of this model.
    """
    mapping.check_sync_fields(model, master_data)
    if master_data.get("id") is None:
        raise mapping.MappingError(f"CQRS PK is not provided in data ({model.CQRS_ID}).")
    return mapping.to_python(model._meta.pk, master_data["id"])
