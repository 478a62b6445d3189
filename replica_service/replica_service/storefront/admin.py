"""The copy for people: to look at, not to change, but for what is the storefront's own."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from replica_service.storefront import selectors, services
from replica_service.storefront.models import Album, Artist, Genre, MediaType, PriceChange, Track

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]  # generic in the stubs only
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """Shows rows; the master's admin changes them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come from the master."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Changes come from the master."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deletions come from the master."""
        return False


@admin.register(Artist, Genre, MediaType)
class NamedAdmin(ReadOnlyAdmin):
    """Rows that are little more than a name."""

    list_display = ("name", "id", "cqrs_revision", "cqrs_updated")
    search_fields = ("name",)


@admin.register(Album)
class AlbumAdmin(ReadOnlyAdmin):
    """Albums; the artist by key, since the row may not have arrived."""

    list_display = ("title", "artist_id", "id", "cqrs_revision", "cqrs_updated")
    search_fields = ("title",)
    fields = ("title", "artist_id", "cqrs_revision", "cqrs_updated")


@admin.register(Track)
class TrackAdmin(ReadOnlyAdmin):
    """Tracks; which of them are on the front page is decided here."""

    list_display = ("name", "artist_name", "unit_price", "previous_price", "is_featured", "id")
    list_filter = ("is_featured", "genre_name")
    search_fields = ("search_text",)
    fields = (
        "name",
        ("artist_id", "artist_name"),
        ("album_id", "album_title"),
        ("genre_id", "genre_name"),
        "media_type_name",
        "composer",
        ("milliseconds", "bytes"),
        ("unit_price", "previous_price"),
        "is_featured",
        ("cqrs_revision", "cqrs_updated"),
    )
    readonly_fields = ("previous_price",)
    actions = ("feature", "unfeature")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Track]:
        """Tracks with what they cost before."""
        return selectors.tracks_with_previous_prices()

    @admin.display(description="previous price")
    def previous_price(self, track: Any) -> Decimal | None:
        """What it cost before the last change."""
        price: Decimal | None = track.previous_price
        return price

    def has_feature_permission(self, request: HttpRequest) -> bool:
        """Who could change tracks, if they were not a copy."""
        return request.user.has_perm("storefront.change_track")

    @admin.action(permissions=["feature"], description="Put on the front page")
    def feature(self, request: HttpRequest, queryset: QuerySet[Track]) -> None:
        """Puts the selected tracks on the front page."""
        self._feature(request, queryset, is_featured=True)

    @admin.action(permissions=["feature"], description="Take off the front page")
    def unfeature(self, request: HttpRequest, queryset: QuerySet[Track]) -> None:
        """Takes the selected tracks off the front page."""
        self._feature(request, queryset, is_featured=False)

    def _feature(
        self, request: HttpRequest, queryset: QuerySet[Track], *, is_featured: bool
    ) -> None:
        track_ids = list(queryset.values_list("pk", flat=True))
        count = services.tracks_feature(track_ids=track_ids, is_featured=is_featured)
        self.message_user(request, f"{count} tracks changed.")


@admin.register(PriceChange)
class PriceChangeAdmin(ReadOnlyAdmin):
    """The history of prices; the track by key, since the row may not have arrived."""

    list_display = ("track_id", "price_before", "price_after", "changed_at")
    date_hierarchy = "changed_at"
    fields = ("track_id", "price_before", "price_after", "changed_at", "cqrs_revision")
