"""What goes over the wire for a line of an invoice."""

from typing import Any

from master_service.sales.models import InvoiceLine


class SalePayload:
    """A line with what figures ask of its invoice; nothing of the customer is in it."""

    def __init__(self, line: InvoiceLine) -> None:
        self._line = line

    @property
    def data(self) -> dict[str, Any]:
        """The instance data; the library adds the revision."""
        line, invoice = self._line, self._line.invoice
        return {
            "id": line.pk,
            "invoice": invoice.pk,
            "status": invoice.status,
            "invoiced_at": str(invoice.invoiced_at),
            "billing_country": invoice.billing_country,
            "track": line.track_id,
            "unit_price": line.unit_price,
            "quantity": line.quantity,
        }
