"""Admin pages of the test models."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from dj_cqrs.admin import CQRSAdminMasterSyncMixin
from tests.app.master_models import Book, Note


@admin.register(Note)
class NoteAdmin(CQRSAdminMasterSyncMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """A page with the action."""


@admin.register(Book)
class BookAdmin(CQRSAdminMasterSyncMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """A page that says how the rows are read."""

    def _cqrs_sync_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.exclude(title="draft")
