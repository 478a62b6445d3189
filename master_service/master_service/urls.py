"""Addresses of the service."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from master_service import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    # The split one has no inline script, which the content security policy forbids.
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/", include("master_service.catalogue.urls")),
    path("api/", include("master_service.playlists.urls")),
    path("api/", include("master_service.sales.urls")),
    path("admin/", admin.site.urls),
]

handler404 = "master_service.api.errors.not_found"
handler500 = "master_service.api.errors.server_error"
