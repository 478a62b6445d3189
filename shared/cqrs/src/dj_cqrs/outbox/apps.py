"""The app of a master: changes are recorded in its tables and published by ``cqrs_relay``."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """Installed on every service with master models."""

    name = "dj_cqrs.outbox"
    label = "cqrs_outbox"
    verbose_name = "CQRS outbox"
    default_auto_field = "django.db.models.BigAutoField"
