"""App configuration."""

from django.apps import AppConfig


class SalesConfig(AppConfig):
    """What was sold."""

    name = "replica_service.sales"
