"""``API_TOKEN_HASHES`` as the settings have it: which tokens may write."""

import re

from django.core.exceptions import ImproperlyConfigured

_SHA_256 = re.compile(r"[0-9a-f]{64}")


def token_hashes(text: str) -> list[str]:
    """Reads SHA-256 hashes in hexadecimal, separated by commas or white space.

    Several at once make a rotation without downtime.

    Raises:
        ImproperlyConfigured: one is no hash. It is not repeated: it may be a token.
    """
    hashes = [word.lower() for word in re.split(r"[,\s]+", text) if word]
    for number, value in enumerate(hashes, start=1):
        if not _SHA_256.fullmatch(value):
            raise ImproperlyConfigured(
                f"API_TOKEN_HASHES: number {number} is no SHA-256 in hexadecimal. "
                "`python manage.py make_api_token` makes a token and its hash."
            )
    return hashes
