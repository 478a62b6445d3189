"""The admin action that sends rows of a master model again."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from dj_cqrs.master import selection
from dj_cqrs.mixins import RawMasterMixin

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object

__all__ = ["CQRSAdminMasterSyncMixin"]


class CQRSAdminMasterSyncMixin(_ModelAdmin):
    """Mixin of a ``ModelAdmin`` of a master model: "Synchronize selected … via CQRS"."""

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Adds the action, unless this admin page has ``actions = None``.

        Args:
            request: of the page.
            action_location: given by Django 6.1 and later.
        """
        if self.actions is not None and "sync_items" not in self.actions:
            self.actions = [*self.actions, "sync_items"]
        given = {} if action_location is None else {"action_location": action_location}
        return super().get_actions(request, **given)

    def _cqrs_sync_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Override to change which rows are sent, or how they are read."""
        return queryset

    def sync_items(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        """Sends the current state of the selected rows, and says which could not be sent."""
        rows = list(self._cqrs_sync_queryset(queryset))
        has_own_sync = self.model.cqrs_sync is not RawMasterMixin.cqrs_sync
        result = selection.sync_one_by_one(rows) if has_own_sync else selection.sync_in_bulk(rows)
        text = f"{result.synced} successfully synced. {len(result.failed)} failed: {result.failed}"
        if result.withheld:
            text += f". {result.withheld} not sent, since is_sync_instance() is false"
        self.message_user(request, text)

    sync_items.short_description = gettext_lazy(  # type: ignore[attr-defined]
        "Synchronize selected %(verbose_name_plural)s via CQRS"
    )
