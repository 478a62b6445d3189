"""Rates of requests as variables of the environment have them."""

import re

from django.core.exceptions import ImproperlyConfigured

_RATE = re.compile(r"[1-9][0-9]*/(second|minute|hour|day)")


def rate(name: str, value: str) -> str | None:
    """Reads a rate; "" is no limit.

    Raises:
        ImproperlyConfigured: it is none. Django REST framework would say so in the first request.
    """
    if value and not _RATE.fullmatch(value):
        raise ImproperlyConfigured(
            f'{name} is "{value}": it must be a number and a time, as in 100/second '
            "(or minute, hour, day), or empty for no limit."
        )
    return value or None
