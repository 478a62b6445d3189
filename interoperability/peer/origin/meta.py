"""Metadata that goes with every message."""

from typing import Any


def describe(**kwargs: Any) -> dict[str, Any]:
    """The setting `meta_function`: what was sent, and for which model."""
    return {
        "model": type(kwargs["obj"]).__name__,
        "signal": kwargs["signal_type"],
        "changed": sorted(kwargs.get("previous_data") or ()),
    }
