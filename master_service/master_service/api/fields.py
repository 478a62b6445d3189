"""Serializer fields and bases that refuse what the database would refuse later, or worse."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

#: The largest key of a 64 bit column.
MAX_ID = 2**63 - 1
#: The largest key that a client may choose: exact in every JSON reader, and the database has room
#: to go on after it.
MAX_CHOSEN_ID = 2**53 - 1


@extend_schema_field(OpenApiTypes.INT64)
class IdField(serializers.IntegerField):
    """The key of a row: an integer that fits its column. 1.5, true and "1" are not keys."""

    default_error_messages = {"not_an_integer": "A key is an integer."}

    def __init__(self, *, max_value: int = MAX_ID, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=max_value, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        """Takes an int as it is."""
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("not_an_integer")
        return data


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a misspelt one would be lost without a word."""

    def to_internal_value(self, data: Any) -> Any:
        """As in DRF, after the names were checked."""
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {name: ["There is no such field."] for name in unknown}
                )
        return super().to_internal_value(data)


class KeyedSerializer(StrictSerializer):
    """A row with its key, which may be chosen on creation and is fixed after it."""

    id = IdField(required=False, max_value=MAX_CHOSEN_ID)

    def validate_id(self, value: int) -> int:
        """Allows an update to repeat the key, not to change it."""
        if self.instance is not None and value != self.instance.pk:
            raise serializers.ValidationError("The key of a row cannot be changed.")
        return value


class EntitySerializer(KeyedSerializer):
    """What every replicated resource has."""

    cqrs_revision = serializers.IntegerField(read_only=True)


class PriceField(serializers.DecimalField):
    """A price: a decimal as a string, so that no digit depends on a float."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=10, decimal_places=2, min_value=Decimal(0), **kwargs)
