"""What saving an object would change, under the name that the contract gave it.

It asks the database when it is asked, instead of remembering values in every object: an object
does not know that its save was rolled back, or that somebody else changed the row.
"""

from typing import Any

from django.db.models import Model

from dj_cqrs.constants import FIELDS_TRACKER_FIELD_NAME
from dj_cqrs.master import tracking

__all__ = ["CQRSTracker"]


class _CQRSTrackerInstance:
    """The tracker of one object. Values are as the wire has them: dates and UUIDs are text."""

    def __init__(self, instance: Model) -> None:
        self.instance = instance

    def changed(self) -> dict[str, Any]:
        """Stored values of the tracked fields that a save would change, by field name.

        Returns:
            For a new object, None for each tracked field that has a value.
        """
        return tracking.unsaved_changes(self.instance)

    def has_changed(self, field: str) -> bool:
        """Whether a save would change that field."""
        return field in self.changed()

    def previous(self, field: str) -> Any:
        """The stored value of a tracked field; None for a new object."""
        return tracking.stored_values(self.instance).get(field)


class CQRSTracker:
    """Descriptor of a tracked master model: its objects' trackers."""

    tracker_class = _CQRSTrackerInstance

    @classmethod
    def add_to_model(cls, model_cls: Any) -> None:
        """Gives a model's objects their trackers."""
        setattr(model_cls, FIELDS_TRACKER_FIELD_NAME, cls())

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        return self if instance is None else self.tracker_class(instance)
