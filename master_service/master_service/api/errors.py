"""One body for every error: ``{"code": ..., "message": ..., "details": {field: [...]}}``."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from master_service.errors import ApplicationError, ConflictError, NotFoundError

logger = logging.getLogger(__name__)

STATUS_OF_ERROR: Mapping[type[ApplicationError], HTTPStatus] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turns an exception of a view into the error body; DRF's ``EXCEPTION_HANDLER``.

    Returns:
        None for an error nobody foresaw: Django logs it and answers 500.
    """
    if isinstance(error, ApplicationError):
        status = STATUS_OF_ERROR.get(type(error), HTTPStatus.BAD_REQUEST)
        return Response(_body(error.code, str(error), error.details), status=status)
    if isinstance(error, IntegrityError):
        # Checked before the write; somebody else was quicker.
        logger.warning("conflict: %s", error)
        message = "Another change came in between; look at the current state and try again."
        return Response(_body("conflict", message), status=HTTPStatus.CONFLICT)
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
        return _body("invalid", "The request is not valid.", _by_field(error.detail))
    if isinstance(error, exceptions.APIException):
        return _body(error.get_codes(), str(error.detail))
    code = "not_found" if isinstance(error, Http404) else "permission_denied"
    return _body(code, str(error) or "Not found.")


def _by_field(detail: Any) -> Any:
    """Errors of a list by the index of its items, without the items that are right."""
    if not isinstance(detail, list):
        return detail
    if any(isinstance(item, dict) for item in detail):
        return {str(index): item for index, item in enumerate(detail) if item}
    return {"non_field_errors": detail}


def _body(code: Any, message: str, details: Any = None) -> dict[str, Any]:
    return {"code": code, "message": message, "details": details or {}}
