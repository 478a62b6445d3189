"""Settings of ``KombuTransport`` with names that no other test uses."""

import uuid
from typing import Any


def fresh_settings(url: str, **more: Any) -> dict[str, Any]:
    """``settings.CQRS`` for this broker, with an exchange and a queue of its own."""
    unique = uuid.uuid4().hex[:12]
    return {
        "transport": "dj_cqrs.transport.KombuTransport",
        "url": url,
        "exchange": f"exchange-{unique}",
        "queue": f"queue-{unique}",
        **more,
    }
