"""Playlists for people: to look at only."""

from django.contrib import admin

from replica_service.playlists.models import Playlist
from replica_service.storefront.admin import ReadOnlyAdmin


@admin.register(Playlist)
class PlaylistAdmin(ReadOnlyAdmin):
    """Playlists."""

    list_display = ("name", "id", "cqrs_revision", "cqrs_updated")
    search_fields = ("name",)
