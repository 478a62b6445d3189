"""App configuration."""

from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    """The storefront's copy of the catalogue."""

    name = "replica_service.storefront"
