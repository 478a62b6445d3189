"""What the contract calls a serializer: a class with `data`."""

from typing import Any


class OrderSerializer:
    """An order with the rows around it."""

    def __init__(self, order: Any) -> None:
        self.data = {
            "id": order.pk,
            "customer": {"name": order.customer.name, "vip": order.customer.is_vip},
            "lines": [{"item": line.item, "count": line.count} for line in order.lines.all()],
        }
