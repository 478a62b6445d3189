"""Addresses of the storefront, under /api/."""

from rest_framework.routers import SimpleRouter

from replica_service.storefront import views

router = SimpleRouter()
router.register("artists", views.ArtistViewSet, basename="artist")
router.register("albums", views.AlbumViewSet, basename="album")
router.register("genres", views.GenreViewSet, basename="genre")
router.register("media-types", views.MediaTypeViewSet, basename="media-type")
router.register("tracks", views.TrackViewSet, basename="track")
router.register("price-changes", views.PriceChangeViewSet, basename="price-change")

urlpatterns = router.urls
