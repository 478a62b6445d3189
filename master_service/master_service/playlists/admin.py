"""Playlists for people."""

from django.contrib import admin

from dj_cqrs.admin import CQRSAdminMasterSyncMixin
from master_service.generic_admin import ModelAdmin, TabularInline
from master_service.playlists.models import Playlist, PlaylistTrack


class EntryInline(TabularInline):
    """The tracks of a playlist."""

    model = PlaylistTrack
    fields = ("track",)
    autocomplete_fields = ("track",)
    extra = 1


@admin.register(Playlist)
class PlaylistAdmin(CQRSAdminMasterSyncMixin, ModelAdmin):
    """Playlists with their tracks."""

    list_display = ("name", "id", "cqrs_revision")
    search_fields = ("name",)
    readonly_fields = ("cqrs_revision",)
    inlines = (EntryInline,)
