"""What drf-spectacular cannot see by itself: the body of errors."""

from typing import Any

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "The body of every 4xx and 5xx answer.",
    "properties": {
        "code": {"type": "string", "example": "invalid"},
        "message": {"type": "string", "example": "The request is not valid."},
        "details": {
            "type": "object",
            "description": "What is wrong, by field.",
            "additionalProperties": True,
            "example": {"min_price": ["Enter a number."]},
        },
    },
    "required": ["code", "message", "details"],
}


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
