"""Bearer tokens: who may write shows one whose hash is in ``settings.API_TOKEN_HASHES``.

The service itself has no token, so that none can be read out of its environment or its backups.
Plain SHA-256 is enough for what `make_api_token` makes: 256 random bits cannot be guessed, however
fast the hash.
"""

import hashlib
import hmac

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

SCHEME = "Bearer"


class BearerToken(BaseAuthentication):
    """``Authorization: Bearer <token>``; ``request.auth`` is True for a known token."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, bool] | None:
        """Returns None without the header, so that reads stay open.

        Raises:
            AuthenticationFailed: the token is unknown, or none is configured.
        """
        token = shown_token(request)
        if token is None:
            return None
        if not settings.API_TOKEN_HASHES:
            raise AuthenticationFailed(
                "Writing is switched off: API_TOKEN_HASHES is not configured."
            )
        if not _is_known(token_hash(token)):
            raise AuthenticationFailed("The token is not valid.")
        return AnonymousUser(), True

    def authenticate_header(self, request: Request) -> str:
        """Makes a missing token a 401 that says what is expected."""
        return SCHEME


def shown_token(request: Request) -> bytes | None:
    """The bearer token of a request, whether it is valid or not."""
    scheme, _, token = get_authorization_header(request).partition(b" ")
    return token.strip() if scheme.lower() == SCHEME.lower().encode() else None


def token_hash(token: bytes) -> str:
    """What the service keeps of a token."""
    return hashlib.sha256(token).hexdigest()


def _is_known(shown: str) -> bool:
    # All are compared, each in constant time: the time taken tells nothing about a hash.
    matches = [hmac.compare_digest(shown, known) for known in settings.API_TOKEN_HASHES]
    return any(matches)
