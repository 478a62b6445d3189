"""The outbox in the admin: what waits, why, and a button to try it now."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from dj_cqrs.outbox.models import OutboxMessage


@admin.register(OutboxMessage)
class OutboxMessageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable
    """Read-only: a message that is deleted here would be a change that replicas never see."""

    list_display = ("id", "routing_key", "created_at", "attempts", "due_at", "is_unroutable")
    list_filter = ("is_unroutable", "cqrs_id")
    actions = ("retry_now",)
    ordering = ("id",)
    show_full_result_count = False

    @admin.action(description="Publish now", permissions=["view"])
    def retry_now(self, request: HttpRequest, queryset: "QuerySet[OutboxMessage]") -> None:
        """Makes delayed messages due."""
        count = queryset.update(due_at=None)
        self.message_user(request, f"{count} message(s) will be published now.")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Messages come from changes only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A message says what was committed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """The broker's confirm deletes it."""
        return False
