"""Where Django's signals become recorded changes; no logic beyond the hand-over.

Signals rather than methods: ``QuerySet.delete()``, the admin's bulk delete, cascades and
``loaddata`` call no method of the model, but send these.

Attributes:
    post_bulk_create: sent after a bulk create, with ``instances`` and ``using``.
    post_update: sent after a bulk update, with ``instances`` and ``using``.
"""

from typing import Any

from django.db import models
from django.dispatch import Signal

from dj_cqrs.master import marking

__all__ = ["MasterSignals", "post_bulk_create", "post_update"]

post_bulk_create = Signal()
post_update = Signal()


class MasterSignals:
    """Registry and handlers of the signals of master models."""

    @classmethod
    def register_model(cls, model_cls: type[models.Model]) -> None:
        """Connects the handlers for one model."""
        models.signals.pre_save.connect(cls.pre_save, sender=model_cls)
        models.signals.post_save.connect(cls.post_save, sender=model_cls)
        models.signals.pre_delete.connect(cls.pre_delete, sender=model_cls)
        models.signals.post_delete.connect(cls.post_delete, sender=model_cls)
        post_bulk_create.connect(cls.post_bulk_create, sender=model_cls)
        post_update.connect(cls.post_bulk_update, sender=model_cls)

    @classmethod
    def pre_save(cls, sender: Any, **kwargs: Any) -> None:
        """A raw save (``loaddata``) calls no ``save()``, so its revision is set here."""
        if kwargs.get("raw") and sender.CQRS_PRODUCE:
            marking.before_raw_save(kwargs["instance"], kwargs["using"])

    @classmethod
    def post_save(cls, sender: Any, **kwargs: Any) -> None:
        """Records a created or updated row, or with ``sync`` its state.

        Args:
            sender: a class derived from ``MasterMixin``.
            **kwargs: of Django's ``post_save``; or ``sync=True`` and the ``queue`` to send to.
        """
        update_fields = kwargs.get("update_fields")
        if update_fields is not None and "cqrs_revision" not in update_fields:
            return
        instance, using = kwargs["instance"], kwargs.get("using")
        if kwargs.get("sync"):
            marking.sync_requested(instance, using, kwargs.get("queue"))
        else:
            is_created, is_sent = kwargs.get("created", False), sender.CQRS_PRODUCE
            marking.saved(instance, using, created=is_created, is_sent=is_sent)

    @classmethod
    def pre_delete(cls, sender: Any, **kwargs: Any) -> None:
        """Asks for the row's true revision to be read, under its lock, before it is gone."""
        if sender.CQRS_PRODUCE:
            marking.before_delete(kwargs["instance"], kwargs["using"])

    @classmethod
    def post_delete(cls, sender: Any, **kwargs: Any) -> None:
        """Records a deleted row.

        Args:
            sender: a class derived from ``MasterMixin``.
            **kwargs: of Django's ``post_delete``.
        """
        if sender.CQRS_PRODUCE:
            marking.deleted(kwargs["instance"], kwargs.get("using"))

    @classmethod
    def post_bulk_create(cls, sender: Any, **kwargs: Any) -> None:
        """Records rows that were created in bulk.

        Args:
            sender: a class derived from ``MasterMixin``.
            **kwargs: ``instances`` and ``using``.
        """
        if sender.CQRS_PRODUCE:
            marking.bulk_created(kwargs["instances"], kwargs.get("using"))

    @classmethod
    def post_bulk_update(cls, sender: Any, **kwargs: Any) -> None:
        """Records rows that were updated in bulk.

        Args:
            sender: a class derived from ``MasterMixin``.
            **kwargs: ``instances`` and ``using``.
        """
        if sender.CQRS_PRODUCE:
            marking.bulk_updated(kwargs["instances"], kwargs.get("using"))
