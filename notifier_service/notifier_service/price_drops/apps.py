"""App configuration."""

from django.apps import AppConfig


class PriceDropsConfig(AppConfig):
    """Price drops."""

    name = "notifier_service.price_drops"
