"""The object that users' hooks are asked on: the row, with what its object carries beside fields.

Fields come from the database: an object may be stale, or changed again after its save. But what
users hang on it (the request's user, a flag, a hook that a test replaces) is on the object only.
"""

import functools
import inspect
from types import FunctionType
from typing import Any

from django.db.models import Model

#: Django's own: how the object was loaded, and what was loaded along.
_OF_DJANGO = frozenset({"_state", "_prefetched_objects_cache"})


def as_saved(row: Model, instance: Model) -> Any:
    """Gives a row that was just read the attributes of the object that was saved.

    Args:
        row: the row, as it is in the database.
        instance: the user's object; may be the row itself.

    Returns:
        The row.
    """
    model = type(instance)
    for name, value in instance.__dict__.items():
        if name not in _OF_DJANGO and not _is_computed(model, name):
            row.__dict__[name] = value
    return row


@functools.cache
def _is_computed(model: Any, name: str) -> bool:
    """Whether the class says what the attribute is: a field, or cached from fields.

    A method is none of these: a test may have replaced it on the object.
    """
    attribute = inspect.getattr_static(model, name, None)
    return hasattr(type(attribute), "__get__") and not isinstance(
        attribute, (FunctionType, classmethod, staticmethod)
    )
