"""The catalogue for people: the same use cases as the API, in Django's admin."""

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from dj_cqrs.admin import CQRSAdminMasterSyncMixin
from master_service.catalogue import services
from master_service.catalogue.models import Album, Artist, Genre, MediaType, PriceChange, Track
from master_service.generic_admin import ModelAdmin


@admin.register(Artist, Genre, MediaType)
class NamedAdmin(CQRSAdminMasterSyncMixin, ModelAdmin):
    """Rows that are little more than a name."""

    list_display = ("name", "id", "cqrs_revision")
    search_fields = ("name",)
    readonly_fields = ("cqrs_revision",)


@admin.register(Album)
class AlbumAdmin(CQRSAdminMasterSyncMixin, ModelAdmin):
    """Albums."""

    list_display = ("title", "artist", "id", "cqrs_revision")
    list_select_related = ("artist",)
    search_fields = ("title", "artist__name")
    autocomplete_fields = ("artist",)
    readonly_fields = ("cqrs_revision",)


@admin.register(Track)
class TrackAdmin(CQRSAdminMasterSyncMixin, ModelAdmin):
    """Tracks; a changed price is written to the history, as everywhere."""

    list_display = ("name", "album", "genre", "unit_price", "id", "cqrs_revision")
    list_select_related = ("album", "genre")
    list_filter = ("genre", "media_type")
    search_fields = ("name", "album__title", "album__artist__name")
    autocomplete_fields = ("album", "genre", "media_type")
    readonly_fields = ("cqrs_revision",)

    def save_model(
        self, request: HttpRequest, obj: Track, form: "ModelForm[Track]", change: bool
    ) -> None:
        """Hands the form to the use case, which owns the rule about prices."""
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        if change:
            services.track_update(track_id=obj.pk, changes=values)
        else:
            obj.pk = services.track_create(values=values).pk


@admin.register(PriceChange)
class PriceChangeAdmin(CQRSAdminMasterSyncMixin, ModelAdmin):
    """The history of prices: to be read only."""

    list_display = ("track", "old_price", "new_price", "changed_at")
    list_select_related = ("track",)
    date_hierarchy = "changed_at"
    search_fields = ("track__name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a change of a price adds to its history."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: PriceChange | None = None) -> bool:
        """History is not altered."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PriceChange | None = None) -> bool:
        """It goes with its track, which asks here as well, and not by itself."""
        match = request.resolver_match
        is_own_page = match is not None and "pricechange" in (match.url_name or "")
        return not is_own_page and super().has_delete_permission(request, obj)
