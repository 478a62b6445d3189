"""The table of signs of life; outbox and inbox have one each, in their own database."""

from django.db import models


class AbstractHeartbeat(models.Model):
    """The last sign of life of one process. Its times are those of the database's clock."""

    name = models.CharField(max_length=250, primary_key=True)
    host = models.CharField(max_length=200)
    pid = models.BigIntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    doing = models.CharField(max_length=500, blank=True)
    #: Durations up to ``beat_at``; see ``dj_cqrs.heartbeats.signs.Sign``.
    progress_seconds = models.FloatField(null=True)
    waiting_seconds = models.FloatField(null=True)
    failing_seconds = models.FloatField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name
