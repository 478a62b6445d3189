"""How many requests a client may send: by address, or by token where it shows a valid one.

Counted in the cache, which by default each web process has of its own. Limits of seconds keep what
is counted small.
"""

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from master_service.api.authentication import shown_token, token_hash

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself loads this module, by the settings


class ByAddress(SimpleRateThrottle):
    """Limits who shows no valid token: ``THROTTLE_ADDRESS``."""

    scope = "address"

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        """None does not count the request."""
        if request.auth is True:
            return None
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class ByToken(SimpleRateThrottle):
    """Limits each token: ``THROTTLE_TOKEN``."""

    scope = "token"

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        """None does not count the request."""
        token = shown_token(request)
        if request.auth is not True or token is None:
            return None
        return self.cache_format % {"scope": self.scope, "ident": token_hash(token)}
