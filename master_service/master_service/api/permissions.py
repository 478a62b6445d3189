"""Who may do what: everybody reads the catalogue, the bearer of a token does the rest."""

from typing import TYPE_CHECKING

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself loads this module, by the settings


class ReadsOpenWritesWithToken(BasePermission):
    """Lets reads through, and writes that ``BearerToken`` has recognised."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """True for a safe method or a known token.

        Raises:
            NotAuthenticated: a write without a token.
        """
        if request.method in SAFE_METHODS or request.auth is True:
            return True
        raise NotAuthenticated("Writing needs the header `Authorization: Bearer <token>`.")


class OnlyWithToken(BasePermission):
    """For what is nobody else's business: customers, employees and what was sold to whom."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """True for a known token.

        Raises:
            NotAuthenticated: there is none.
        """
        if request.auth is True:
            return True
        raise NotAuthenticated("This needs the header `Authorization: Bearer <token>`.")
