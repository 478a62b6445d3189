"""What drf-spectacular cannot see by itself: the token, and the body of errors."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_bearer_security_scheme_object

from master_service.api.authentication import SCHEME

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The body of every 4xx and 5xx answer.",
    "properties": {
        "code": {"type": "string", "example": "invalid"},
        "message": {"type": "string", "example": "The request is not valid."},
        "details": {
            "type": "object",
            "description": "What is wrong, by field; for a list by index, then by field.",
            "additionalProperties": True,
            "example": {"unit_price": ["Ensure this value is greater than or equal to 0."]},
        },
    },
    "required": ["code", "message", "details"],
}


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Gives the Swagger page its "Authorize" button."""

    target_class = "master_service.api.authentication.BearerToken"
    name = "BearerToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """An HTTP bearer scheme."""
        return build_bearer_security_scheme_object(
            header_name="Authorization", token_prefix=SCHEME
        )


def describe_errors(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Adds the error body as the default answer of every operation."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR_SCHEMA
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault(
                "default", {"description": "Anything else.", "content": content}
            )
    return result
