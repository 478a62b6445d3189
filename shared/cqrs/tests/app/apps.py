"""The app that holds the models of the tests."""

from django.apps import AppConfig


class TestAppConfig(AppConfig):
    """Models of a master and of a replica, side by side."""

    name = "tests.app"
    label = "app"
