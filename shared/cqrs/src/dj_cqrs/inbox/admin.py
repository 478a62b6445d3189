"""The admin of the inbox: dead letters are looked at, retried or discarded here."""

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.privacy import telling
from dj_cqrs.replica import parking

#: Characters of a body that a page can bear.
MAX_SHOWN: Final = 100_000


class _ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable
    """Rows are looked at; what is done to them are actions."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Messages come from the broker only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """What came is kept as it came."""
        return False


@admin.register(ParkedMessage)
class ParkedMessageAdmin(_ReadOnlyAdmin):
    """Parked messages and dead letters, with their reasons."""

    list_display = ("id", "status", "cqrs_id", "row_pk", "attempts", "due_at", "short_reason")
    list_filter = ("status", "cqrs_id")
    search_fields = ("row_pk", "reason")
    date_hierarchy = "parked_at"
    actions = ["retry", "discard"]
    exclude = ("body",)
    readonly_fields = ("body_text",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[ParkedMessage]":
        """Without the bodies, which may be large: only a message's own page reads its one."""
        return super().get_queryset(request).defer("body", "traceback")

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Discarding says better what happens than Django's "delete".

        Args:
            request: of the page.
            action_location: given by Django 6.1 and later.
        """
        given = {} if action_location is None else {"action_location": action_location}
        actions = super().get_actions(request, **given)
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description="reason")
    def short_reason(self, message: ParkedMessage) -> str:
        """The beginning of the reason."""
        return message.reason[:100]

    @admin.display(description="body")
    def body_text(self, message: ParkedMessage) -> str:
        """The body as text, whatever it is; private values are masked."""
        text = telling.body_text(bytes(message.body))
        if len(text) <= MAX_SHOWN:
            return text
        return (
            f"{text[:MAX_SHOWN]}… ({len(message.body)} bytes; cqrs_dead_letters dump prints all)"
        )

    @admin.action(description="Retry now", permissions=["delete"])
    def retry(self, request: HttpRequest, queryset: "QuerySet[ParkedMessage]") -> None:
        """Lets the workers try them again, as if for the first time."""
        count = parking.retry_now(queryset)
        self.message_user(request, f"{count} message(s) will be tried again.", messages.SUCCESS)

    @admin.action(description="Discard for good", permissions=["delete"])
    def discard(self, request: HttpRequest, queryset: "QuerySet[ParkedMessage]") -> None:
        """Drops them."""
        count = parking.discard(queryset)
        self.message_user(request, f"{count} message(s) discarded.", messages.SUCCESS)
