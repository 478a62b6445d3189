"""The model mixins: what users declare. The work is done in ``master`` and ``replica``."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar

from django.db import models

from dj_cqrs import conf
from dj_cqrs.constants import ALL_BASIC_FIELDS, TRACKED_FIELDS_ATTR_NAME
from dj_cqrs.managers import MasterManager, ReplicaManager
from dj_cqrs.master import marking, saving, serialization, sync, tracking
from dj_cqrs.metas import MasterMeta, ReplicaMeta
from dj_cqrs.replica import mapping
from dj_cqrs.replica.policy import SettingsPolicy
from dj_cqrs.replica.read_only import ReplicaObjectsManager, refuse_write
from dj_cqrs.signals import post_bulk_create, post_update

__all__ = ["MasterMixin", "RawMasterMixin", "RawReplicaMixin", "ReplicaMixin"]

# In migrations word for word, so that those of django-cqrs stay valid.
_REVISION_HELP = "This field must be incremented on any model update. It's used to for CQRS sync."
_UPDATED_HELP = "This field must be incremented on every model update. It's used to for CQRS sync."


class RawMasterMixin(models.Model):
    """Base of ``MasterMixin``; for models that cannot have its metaclass.

    Attributes:
        CQRS_ID: name of the model on the wire, the same on every replica.
        CQRS_PRODUCE: False: changes of this model are not sent.
        CQRS_FIELDS: names of the fields to send, the primary key among them; or ``"__all__"``.
        CQRS_SERIALIZER: dotted path of a class that takes an instance and has its representation
            in ``.data``; instead of ``CQRS_FIELDS``.
        CQRS_TRACKED_FIELDS: names of the fields whose previous values are sent along, or
            ``"__all__"``; None for none.
        CQRS_RELATED: lookup paths of the rows that this model's payload embeds. Saving one of
            them sends this model's rows again, in the same transaction.
        cqrs_revision: model field; 0 for a new row, and one more with each transaction that
            changes it.
        cqrs_updated: model field; when the row was saved last.
        objects: Django's manager. Its bulk writes are not sent.
        cqrs: a ``MasterManager``, whose bulk writes are.
    """

    CQRS_ID: ClassVar[str | None] = None
    CQRS_PRODUCE: ClassVar[bool] = True
    CQRS_FIELDS: ClassVar[Any] = ALL_BASIC_FIELDS
    CQRS_SERIALIZER: ClassVar[str | None] = None
    CQRS_TRACKED_FIELDS: ClassVar[Any] = None
    CQRS_RELATED: ClassVar[tuple[str, ...]] = ()
    CQRS_PRIVATE_FIELDS: ClassVar[Collection[str]] = ()

    cqrs_revision = models.IntegerField(
        default=0,
        help_text=_REVISION_HELP,
    )
    cqrs_updated = models.DateTimeField(
        auto_now=True,
        help_text=_UPDATED_HELP,
    )

    objects = models.Manager()
    cqrs = MasterManager()

    class Meta:
        abstract = True

    def save(
        self,
        *args: Any,
        update_fields: Iterable[str] | None = None,
        update_cqrs_fields: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Saves the row and lets its revision grow, once per transaction.

        Overridden since the revision must be part of the same UPDATE; nothing else happens here.

        Args:
            *args: of ``Model.save``.
            update_fields: as in Django. The change is sent unless ``update_cqrs_fields`` is False.
            update_cqrs_fields: whether a save of ``update_fields`` is sent. Default: True with
                the outbox, else the setting ``CQRS_AUTO_UPDATE_FIELDS``; and always True where
                the fields name ``cqrs_updated``, as those of ``update_or_create`` do.
            **kwargs: of ``Model.save``.
        """
        if update_fields is not None:
            update_fields = frozenset(update_fields)
            if update_cqrs_fields is None:
                update_cqrs_fields = saving.is_sent_by_default(update_fields)
        with saving.prepared(self, update_fields, update_cqrs_fields, (args, kwargs)) as fields:
            super().save(*args, update_fields=fields, **kwargs)

    save.alters_data = True  # type: ignore[attr-defined]

    @property
    def cqrs_saves_count(self) -> int:
        """How often this object was saved in the running transaction; 0 outside of one.

        Saves that were rolled back do not count.
        """
        return len(marking.saves_of(self))

    @property
    def is_initial_cqrs_save(self) -> bool:
        """Whether this object was saved at most once in the running transaction."""
        return self.cqrs_saves_count < 2  # noqa: PLR2004 - the contract's number

    def reset_cqrs_saves_count(self) -> None:
        """Starts counting anew; nothing else depends on the count, and rollbacks need no reset."""
        for mark in marking.saves_of(self):
            mark.is_counted = False

    def save_tracked_fields(self) -> None:
        """Has ``get_tracked_fields_data`` say what a save now would change."""
        tracking.remember(self, tracking.unsaved_changes(self))

    def to_cqrs_dict(self, using: str | None = None, sync: bool = False) -> dict[str, Any]:
        """Serializes this instance for the wire.

        Args:
            using: database to read related rows from, for a model with ``CQRS_SERIALIZER``.
            sync: serialize the instance as it is instead of reading it again.

        Returns:
            The instance data, with ``cqrs_revision`` and ``cqrs_updated``.
        """
        return serialization.serialize(self, using=using, reread=not sync)

    def get_tracked_fields_data(self) -> dict[str, Any] | None:
        """Previous values of the tracked fields that the last saved change altered.

        Returns:
            Field name -> value before the transaction, as on the wire; None before any save.
        """
        data: dict[str, Any] | None = self.__dict__.get(TRACKED_FIELDS_ATTR_NAME)
        return data

    def cqrs_sync(self, using: str | None = None, queue: str | None = None) -> bool:
        """Sends the row's current state on demand; the revision does not grow.

        Args:
            using: database of the row.
            queue: send to this queue only; None for every replica.

        Returns:
            False if the row does not exist, else True.
        """
        return sync.sync_instance(self, using=using, queue=queue)

    def is_sync_instance(self) -> bool:
        """Override to send only some rows: False keeps this one at home."""
        return True

    def get_cqrs_meta(self, **kwargs: Any) -> dict[str, Any]:
        """Override to send metadata along; by default the ``meta_function`` setting's result.

        Args:
            **kwargs: ``signal_type``, ``instance_data`` and, for saves, ``previous_data``.
        """
        function = conf.config().master.meta_function
        return (function and function(obj=self, **kwargs)) or {}

    def get_custom_cqrs_delete_data(self) -> dict[str, Any] | None:
        """Override to send more than the key with a DELETE; it arrives under ``custom``."""
        return None

    @classmethod
    def relate_cqrs_serialization(cls, queryset: "models.QuerySet[Any]") -> "models.QuerySet[Any]":
        """Override with ``select_related`` / ``prefetch_related`` for what the payload embeds."""
        return queryset

    @classmethod
    def call_post_bulk_create(cls, instances: list[Any], using: str | None = None) -> None:
        """Records rows that were created in bulk, as ``Model.cqrs.bulk_create`` does by itself."""
        post_bulk_create.send(cls, instances=instances, using=using)

    @classmethod
    def call_post_update(cls, instances: Iterable[Any], using: str | None = None) -> None:
        """Records rows that were updated in bulk, as ``Model.cqrs.bulk_update`` does by itself."""
        if isinstance(instances, Iterator):
            instances = list(instances)  # each receiver wants to read them
        post_update.send(cls, instances=instances, using=using)


class MasterMixin(RawMasterMixin, metaclass=MasterMeta):
    """Mixin of a model that sends its changes to replicas."""

    class Meta:
        abstract = True


class RawReplicaMixin(SettingsPolicy):
    """Base of everything that can receive messages, model or not.

    Attributes:
        CQRS_ID: that of the master.
        CQRS_NO_DB_OPERATIONS: True: no database operation is made for it; its hooks do all.
        CQRS_META: True: hooks get the payload's ``meta``.
        CQRS_PRIVATE_FIELDS: names of the payload's fields, the master's or those of
            ``CQRS_MAPPING``, whose values no log, reason, traceback or admin page may hold.
        CQRS_ONLY_DIRECT_SYNCS: True: a SYNC is taken only if it was sent to this service's queue
            alone.
    """

    CQRS_ID: ClassVar[str | None] = None
    CQRS_NO_DB_OPERATIONS: ClassVar[bool] = True
    CQRS_META: ClassVar[bool] = False
    CQRS_PRIVATE_FIELDS: ClassVar[Collection[str]] = ()
    CQRS_ONLY_DIRECT_SYNCS: ClassVar[bool] = False

    @classmethod
    def cqrs_save(cls, *args: Any, **kwargs: Any) -> Any:
        """Receives a SAVE or SYNC: ``master_data``, and as in ``ReplicaMixin``."""
        raise NotImplementedError

    @classmethod
    def cqrs_delete(cls, *args: Any, **kwargs: Any) -> Any:
        """Receives a DELETE: ``master_data``, and as in ``ReplicaMixin``."""
        raise NotImplementedError


class ReplicaMixin(RawReplicaMixin, models.Model, metaclass=ReplicaMeta):
    """Mixin of a model that keeps a copy of a master's rows.

    Attributes:
        CQRS_ID: that of the master.
        CQRS_MAPPING: field name of the master -> field name here; None: the same names.
        CQRS_CUSTOM_SERIALIZATION: True: the payload is not the master's fields;
            ``cqrs_create`` and ``cqrs_update`` take it apart.
        CQRS_SELECT_FOR_UPDATE: True: the row is locked while it is updated.
        CQRS_READ_ONLY: True: writes outside the consumer raise ``ReadOnlyReplicaError``.
        CQRS_NO_DB_OPERATIONS: True: no database operation is made for it; its hooks do all.
        CQRS_META: True: hooks get the payload's ``meta``.
        CQRS_PRIVATE_FIELDS: names of the payload's fields, the master's or those of
            ``CQRS_MAPPING``, whose values no log, reason, traceback or admin page may hold.
        CQRS_ONLY_DIRECT_SYNCS: True: a SYNC is taken only if it was sent to this service's queue
            alone.
        cqrs_revision: model field; the master's revision.
        cqrs_updated: model field; the master's time.
        objects: Django's manager.
        cqrs: a ``ReplicaManager``, which takes instance data.
    """

    CQRS_NO_DB_OPERATIONS: ClassVar[bool] = False
    CQRS_MAPPING: ClassVar[dict[str, str] | None] = None
    CQRS_CUSTOM_SERIALIZATION: ClassVar[bool] = False
    CQRS_SELECT_FOR_UPDATE: ClassVar[bool] = False
    CQRS_READ_ONLY: ClassVar[bool] = False

    cqrs_revision = models.IntegerField()
    cqrs_updated = models.DateTimeField()

    objects = ReplicaObjectsManager()
    cqrs = ReplicaManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As in Django; refused for a read-only replica outside the consumer."""
        refuse_write(type(self))
        super().save(*args, **kwargs)

    save.alters_data = True  # type: ignore[attr-defined]

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """As in Django; refused for a read-only replica outside the consumer."""
        refuse_write(type(self))
        return super().delete(*args, **kwargs)

    delete.alters_data = True  # type: ignore[attr-defined]

    @classmethod
    def cqrs_save(
        cls,
        master_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        sync: bool = False,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Creates or updates the row from a master's instance data. Not to be overridden.

        Args:
            master_data: instance data of the payload.
            previous_data: previous values of tracked fields.
            sync: whether the message is a SYNC.
            meta: metadata of the payload.

        Returns:
            The instance, or None if it could not be saved (the log says why).
        """
        if cls.CQRS_NO_DB_OPERATIONS:
            return super().cqrs_save(
                master_data, previous_data=previous_data, sync=sync, meta=meta
            )
        return cls.cqrs.save_instance(master_data, previous_data, sync, meta)

    @classmethod
    def cqrs_create(
        cls,
        sync: bool,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Creates the row; to be overridden where the master has a custom serialization.

        Args:
            sync: whether the message is a SYNC.
            mapped_data: instance data under this model's field names.
            previous_data: previous values of tracked fields, mapped likewise.
            meta: metadata of the payload, if ``CQRS_META`` is set.

        Returns:
            The new instance.
        """
        return cls._default_manager.create(**mapping.to_attributes(cls, mapped_data))

    def cqrs_update(
        self,
        sync: bool,
        mapped_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Any:
        """Updates the row; to be overridden where the master has a custom serialization.

        Args: as of ``cqrs_create``.

        Returns:
            The instance.
        """
        for name, value in mapping.to_attributes(type(self), mapped_data).items():
            setattr(self, name, value)
        self.save()
        return self

    @classmethod
    def cqrs_delete(cls, master_data: dict[str, Any], meta: dict[str, Any] | None = None) -> bool:
        """Deletes the row.

        Args:
            master_data: instance data of the payload: ``id``, revision and time.
            meta: metadata of the payload.

        Returns:
            True also if there was nothing to delete; False if it failed (the log says why).
        """
        if cls.CQRS_NO_DB_OPERATIONS:
            return bool(super().cqrs_delete(master_data, meta=meta))
        return cls.cqrs.delete_instance(master_data)
