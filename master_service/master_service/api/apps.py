"""App configuration; loads the schema extension for the token."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The API's common parts; an app only so that the schema extension is found."""

    name = "master_service.api"

    def ready(self) -> None:
        """Registers the extension, which happens on import."""
        from master_service.api import schema  # noqa: F401
