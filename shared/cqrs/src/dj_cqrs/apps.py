"""The app of the library itself; it has no tables. Outbox and inbox are apps of their own."""

from django.apps import AppConfig


class CQRSConfig(AppConfig):
    """Finds configuration mistakes at start, since WSGI runs no system checks."""

    name = "dj_cqrs"

    def ready(self) -> None:
        """Checks the configuration and connects related rows."""
        from dj_cqrs import checks
        from dj_cqrs.master import related

        checks.at_start()
        related.connect()
