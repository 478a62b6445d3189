"""App configuration."""

from django.apps import AppConfig


class SalesConfig(AppConfig):
    """Customers and invoices."""

    name = "master_service.sales"
