"""One body for every error: ``{"code": ..., "message": ..., "details": {field: [...]}}``."""

import logging
from http import HTTPStatus
from typing import Any

from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

logger = logging.getLogger(__name__)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turns an exception of a view into the error body; DRF's ``EXCEPTION_HANDLER``.

    Returns:
        None for an error nobody foresaw: Django logs it and answers 500.
    """
    if isinstance(error, OperationalError):
        logger.error("the database failed", exc_info=error)
        message = "The database cannot answer now; try again."
        return Response(_body("unavailable", message), status=HTTPStatus.SERVICE_UNAVAILABLE)
    response = drf_exception_handler(error, context)
    if response is not None:
        response.data = _body_of_api_error(error)
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 of an address: the error body under /api/, Django's page elsewhere."""
    if not request.path.startswith("/api/"):
        return defaults.page_not_found(request, exception)
    return JsonResponse(
        _body("not_found", "There is nothing at this address."), status=HTTPStatus.NOT_FOUND
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500: the error body under /api/, Django's page elsewhere."""
    if not request.path.startswith("/api/"):
        return defaults.server_error(request)
    return JsonResponse(
        _body("server_error", "The server failed; its log says why."),
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def _body_of_api_error(error: Exception) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return _body("invalid", "The request is not valid.", error.detail)
    if isinstance(error, exceptions.MethodNotAllowed):
        return _body("read_only", "This is a read-only copy: write to the master service.")
    if isinstance(error, exceptions.APIException):
        return _body(error.get_codes(), str(error.detail))
    code = "not_found" if isinstance(error, Http404) else "permission_denied"
    return _body(code, str(error) or "Not found.")


def _body(code: Any, message: str, details: Any = None) -> dict[str, Any]:
    return {"code": code, "message": message, "details": details or {}}
