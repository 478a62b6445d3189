"""Bearer tokens: a machine that may write shows one of ``settings.API_TOKENS``."""

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
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != SCHEME.lower().encode():
            return None
        if not settings.API_TOKENS:
            raise AuthenticationFailed("Writing is switched off: API_TOKEN is not configured.")
        if not _is_known(token.strip()):
            raise AuthenticationFailed("The token is not valid.")
        return AnonymousUser(), True

    def authenticate_header(self, request: Request) -> str:
        """Makes a missing token a 401 that says what is expected."""
        return SCHEME


def _is_known(token: bytes) -> bool:
    # All are compared, each in constant time: the time taken tells nothing about a token.
    matches = [hmac.compare_digest(token, known.encode()) for known in settings.API_TOKENS]
    return any(matches)
