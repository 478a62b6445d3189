"""The admin, for the tests of admin actions, and the views of the library."""

from django.contrib import admin
from django.urls import path

from dj_cqrs import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("livez", health.livez),
    path("readyz", health.readyz),
]
