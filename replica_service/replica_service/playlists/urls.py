"""Addresses of playlists, under /api/."""

from rest_framework.routers import SimpleRouter

from replica_service.playlists import views

router = SimpleRouter()
router.register("playlists", views.PlaylistViewSet, basename="playlist")
router.register("playlist-tracks", views.PlaylistTrackViewSet, basename="playlist-track")

urlpatterns = router.urls
