"""The endpoints that every model has."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db.models import Model
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from master_service import entities

#: An action that answers with a list, but not with pages of it.
PLAIN: dict[str, Any] = {"filter_backends": [], "pagination_class": None}


class EntityViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Any]
):
    """List, read, create, change, delete and bulk create of one model."""

    lookup_value_regex = "[0-9]+"

    @property
    def model(self) -> type[Model]:
        """The model behind this resource."""
        model: type[Model] = self.get_queryset().model
        return model

    def create(self, request: Request) -> Response:
        """Creates one row; an explicit `id` is kept."""
        entity = self.create_entity(self.validated(request))
        return self.shown(entity, HTTPStatus.CREATED)

    def update(self, request: Request, pk: str) -> Response:
        """Changes the row; every field without a default must be given."""
        return self.change(request, partial=False)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Changes the fields that are given."""
        return self.change(request, partial=True)

    def destroy(self, request: Request, pk: str) -> Response:
        """Deletes the row and what belongs to it; 409 while others use it."""
        self.delete_entity(self.get_object().pk)
        return Response(status=HTTPStatus.NO_CONTENT)

    def change(self, request: Request, *, partial: bool) -> Response:
        """PUT and PATCH."""
        entity = self.get_object()
        changes = self.validated(request, instance=entity, partial=partial)
        return self.shown(self.update_entity(entity.pk, changes))

    def create_entity(self, values: dict[str, Any]) -> Model:
        """The use case behind POST."""
        return entities.entity_create(model=self.model, values=values)

    def update_entity(self, entity_id: int, changes: dict[str, Any]) -> Model:
        """The use case behind PUT and PATCH."""
        return entities.entity_update(model=self.model, entity_id=entity_id, changes=changes)

    def delete_entity(self, entity_id: int) -> None:
        """The use case behind DELETE."""
        entities.entity_delete(model=self.model, entity_id=entity_id)

    def validated(self, request: Request, **kwargs: Any) -> Any:
        """The body, after the serializer of this action."""
        serializer = self.get_serializer(data=request.data, **kwargs)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def shown(self, result: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
        """One row or many, as the lists show them."""
        assert self.serializer_class is not None
        serializer = self.serializer_class(result, many=isinstance(result, list))
        return Response(serializer.data, status=status)

    def create_many(self, request: Request) -> Response:
        """Creates the rows of a list, all or none."""
        items = self.validated(
            request, many=True, allow_empty=False, max_length=settings.API_BULK_MAX_ITEMS
        )
        return self.shown(self.create_entities(items), HTTPStatus.CREATED)

    def create_entities(self, items: list[dict[str, Any]]) -> list[Any]:
        """The use case behind the bulk POST."""
        return entities.entities_bulk_create(model=self.model, items=items)


class BulkCreateViewSet(EntityViewSet):
    """An entity with nothing more to do in bulk than to be created."""

    @action(detail=False, methods=["post"], url_path="bulk", **PLAIN)
    def bulk_create(self, request: Request) -> Response:
        """Creates many rows, all or none."""
        return self.create_many(request)


def described(serializer: type[Serializer[Any]]) -> Callable[[Any], Any]:
    """Tells the schema that the bulk action takes and returns a list."""
    return extend_schema_view(
        bulk_create=extend_schema(
            request=serializer(many=True), responses={HTTPStatus.CREATED: serializer(many=True)}
        )
    )
