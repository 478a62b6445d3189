"""Forgetting a customer: the person goes, the books stay."""

from django.db import transaction

from master_service.entities import entity_lock
from master_service.sales.models import ClosingReason, Customer, Invoice


@transaction.atomic
def customer_forget(*, customer_id: int, reason: ClosingReason) -> None:
    """Deletes a customer; the invoices stay, without a name and without an address.

    Args:
        customer_id: key of the customer.
        reason: goes out with the message of the deletion, for the figures.

    Raises:
        NotFoundError: there is no such customer.
    """
    customer = entity_lock(model=Customer, entity_id=customer_id, is_deleted=True)
    customer.closing_reason = reason
    # Not `SET_NULL`, which the storefront would never hear of.
    Invoice.cqrs.bulk_update(
        Invoice.objects.filter(customer=customer),
        customer=None,
        billing_address="",
        billing_city="",
        billing_state="",
        billing_postal_code="",
    )
    customer.delete()
