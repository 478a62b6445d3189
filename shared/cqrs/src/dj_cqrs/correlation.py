"""The correlation id of a message, made by a function of the user's."""

from typing import Any

from dj_cqrs import conf

__all__ = ["get_correlation_id"]


def get_correlation_id(
    signal_type: str, cqrs_id: str, instance_pk: Any, queue: str | None
) -> Any | None:
    """Calls ``CQRS['master']['correlation_function']``; None where there is none."""
    function = conf.config().master.correlation_function
    return function(signal_type, cqrs_id, instance_pk, queue) if function else None
