"""Which rows an upsert may hit, which MySQL and MariaDB decide differently from the others."""

import functools
from typing import Any

from django.db import connections, models


def hits_only_named_rows(model: Any, using: str) -> bool:
    """Whether an upsert of this model's rows can be told, or has, but one unique index to go by.

    On MySQL and MariaDB a clash on *any* unique index turns an insert into an update of its row,
    so there a model must have none beside its primary key.
    """
    features = connections[using].features
    if features.supports_update_conflicts_with_target:
        return True
    return bool(features.supports_update_conflicts) and not _has_unique_beside_key(model)


@functools.cache
def _has_unique_beside_key(model: Any) -> bool:
    options = model._meta
    return (
        any(field.unique and not field.primary_key for field in options.concrete_fields)
        or bool(options.unique_together)
        or any(isinstance(each, models.UniqueConstraint) for each in options.constraints)
    )
