"""App configuration."""

from django.apps import AppConfig


class PlaylistsConfig(AppConfig):
    """Playlists and their tracks."""

    name = "master_service.playlists"
