"""The app of a replica: what it knows of every key, and the messages that are tried again."""

from django.apps import AppConfig


class InboxConfig(AppConfig):
    """Installed on every service with replica models."""

    name = "dj_cqrs.inbox"
    label = "cqrs_inbox"
    verbose_name = "CQRS inbox"
    default_auto_field = "django.db.models.BigAutoField"
