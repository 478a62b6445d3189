"""The inbox tables: what is known of every key, and the messages that are not applied yet.

They live in the database of the replica models, since they are written in the same transactions.
"""

from typing import ClassVar

from django.db import models

from dj_cqrs.heartbeats.models import AbstractHeartbeat


class LedgerEntry(models.Model):
    """The newest thing known of one row of a master: *the* lock of the key, and its tombstone.

    A row and its tombstone must share one lock, or a SAVE and a DELETE in two workers leave both.
    """

    pk = models.CompositePrimaryKey("cqrs_id", "row_pk")
    cqrs_id = models.CharField(max_length=200)
    #: The master's primary key as text (see ``replica.message.key_text``).
    row_pk = models.CharField(max_length=255)
    #: Newest revision applied; -1 while nothing is.
    revision = models.BigIntegerField(default=-1)
    is_deleted = models.BooleanField(default=False)
    #: Whether that revision never restarts (its message came from an outbox).
    is_monotonic = models.BooleanField(default=False)
    #: ``cqrs_updated`` of the message that brought the revision; the master's clock.
    master_updated_at = models.DateTimeField(null=True)
    #: When this replica applied it; tombstones are pruned by it.
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger entries"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["changed_at"],
                name="cqrs_ledger_tombstones",
                condition=models.Q(is_deleted=True),
            )
        ]

    def __str__(self) -> str:
        state = "deleted" if self.is_deleted else "live"
        return f"{self.cqrs_id} {self.row_pk}: {state} at revision {self.revision}"


class ParkedMessage(models.Model):
    """A message that could not be applied, kept as it came; at last a dead letter."""

    class Status(models.TextChoices):
        """What happens to it next."""

        RETRYING = "retrying", "is tried again when it is due"
        WAITING = "waiting", "waits for the row that a foreign key of it points to"
        DEAD = "dead", "dead letter: nothing happens until somebody retries it"

    status = models.CharField(max_length=10, choices=Status.choices)
    #: When it is tried next; null for dead letters.
    due_at = models.DateTimeField(null=True)
    #: Attempts that failed, the one in hand included.
    attempts = models.PositiveIntegerField(default=0)
    #: Set while a worker tries it. Found set when it is due, its worker died over it.
    claimed_at = models.DateTimeField(null=True, editable=False)
    #: Workers that died of it, the attempt in hand included while one is.
    deaths = models.PositiveSmallIntegerField(default=0, editable=False)
    #: The row that it waits for, as ``cqrs_id/key``.
    waits_for = models.CharField(max_length=460, null=True, blank=True)
    #: Null where the body did not even say so.
    cqrs_id = models.CharField(max_length=200, null=True, blank=True)
    row_pk = models.CharField(max_length=255, null=True, blank=True)
    reason = models.TextField()
    traceback = models.TextField(blank=True)
    routing_key = models.CharField(max_length=255)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    parked_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at"], name="cqrs_parked_due"),
            models.Index(fields=["status", "cqrs_id"], name="cqrs_parked_status"),
            models.Index(fields=["waits_for"], name="cqrs_parked_waits_for"),
            models.Index(fields=["cqrs_id", "row_pk"], name="cqrs_parked_row"),
        ]

    def __str__(self) -> str:
        return f"{self.cqrs_id or 'undecodable'} {self.row_pk or ''} ({self.status})"


class WorkerHeartbeat(AbstractHeartbeat):
    """The last sign of life of one worker of this service."""

    class Meta:
        verbose_name = "worker"
