"""The outbox: messages of committed changes on their way to the broker."""

from django.db import models
from django.db.models import Q

from dj_cqrs.heartbeats.models import AbstractHeartbeat


class OutboxMessage(models.Model):
    """One encoded message, written with its change and deleted after the broker's confirm."""

    cqrs_id = models.CharField(max_length=255)
    routing_key = models.CharField(max_length=255)
    body = models.BinaryField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)
    #: Null: due now, as nearly all rows are; so the index of those stays small.
    due_at = models.DateTimeField(null=True)
    #: No queue is bound for it: kept for a replica to come, and no part of the backlog.
    is_unroutable = models.BooleanField(default=False)
    last_error = models.TextField(default="")
    #: Which state of which row it is, as its body says; read when no queue takes it, so that
    #: recording costs nothing more. Null before, and where the body cannot be read.
    row_pk = models.CharField(max_length=255, null=True)
    revision = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = "message in the outbox"
        verbose_name_plural = "messages in the outbox"
        indexes = [
            models.Index(
                fields=["id"], condition=Q(due_at__isnull=True), name="cqrs_outbox_due_now"
            ),
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="cqrs_outbox_due_later"
            ),
            models.Index(
                fields=["cqrs_id", "row_pk"],
                condition=Q(is_unroutable=True),
                name="cqrs_outbox_unroutable",
            ),
            # What the health report looks for, among any number of unroutable ones.
            models.Index(
                fields=["id"],
                condition=Q(due_at__isnull=False, is_unroutable=False),
                name="cqrs_outbox_refused",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.routing_key} #{self.pk}"


class DeletedRow(models.Model):
    """The last revision of a deleted row, so that a row with the same key goes on after it."""

    cqrs_id = models.CharField(max_length=255)
    row_pk = models.CharField(max_length=255)
    revision = models.IntegerField()
    deleted_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cqrs_id", "row_pk"], name="cqrs_outbox_deleted_row")
        ]

    def __str__(self) -> str:
        return f"{self.cqrs_id} {self.row_pk} at revision {self.revision}"


class RelayHeartbeat(AbstractHeartbeat):
    """The last sign of life of one relay of this outbox."""

    class Meta:
        verbose_name = "relay"
