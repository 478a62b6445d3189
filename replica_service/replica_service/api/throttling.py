"""How many requests a client may send.

Counted in the cache, which by default each web process has of its own. Limits of seconds keep what
is counted small.
"""

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself loads this module, by the settings


class ByAddress(SimpleRateThrottle):
    """Limits each address: ``THROTTLE_ADDRESS``."""

    scope = "address"

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        """What requests of one client have in common."""
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}
