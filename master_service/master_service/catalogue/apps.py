"""App configuration."""

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    """The catalogue and its prices."""

    name = "master_service.catalogue"
