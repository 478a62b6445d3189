"""App configuration."""

from django.apps import AppConfig


class PlaylistsConfig(AppConfig):
    """Playlists and their tracks."""

    name = "replica_service.playlists"
