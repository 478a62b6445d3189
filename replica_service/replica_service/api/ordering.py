"""Ordering that pages can rely on."""

from collections.abc import Sequence

from django.db.models import Model, QuerySet
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView


class StableOrdering(OrderingFilter):
    """Ends every order with the key: rows with equal values keep their place between pages.

    A view whose rows are no model's names what tells them apart in ``ordering_key``.
    """

    def get_ordering(
        self, request: Request, queryset: QuerySet[Model], view: APIView
    ) -> Sequence[str] | None:
        """The requested or default order, completed by the key."""
        key = getattr(view, "ordering_key", "pk")
        return [*(super().get_ordering(request, queryset, view) or ()), key]
