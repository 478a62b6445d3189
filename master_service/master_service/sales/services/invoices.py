"""Use cases of invoices: they are made with their lines, paid, and at worst cancelled."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from master_service.entities import entities_bulk_create, entity_delete, entity_lock, entity_update
from master_service.errors import ConflictError, InvalidInputError
from master_service.sales.models import Invoice, InvoiceStatus
from master_service.sales.services import new_invoices

#: How many keys an error names.
MAX_KEYS_SHOWN = 10


@transaction.atomic
def invoices_create(*, items: Sequence[Mapping[str, Any]]) -> list[Invoice]:
    """Creates invoices with all their lines, all or none, with a handful of statements.

    Args:
        items: attributes of each invoice, ``customer_id`` and ``lines`` among them. A line has a
            ``track_id``, a ``quantity`` and, if it is not the track's of now, a ``unit_price``.
            The address is the customer's, as far as none is given.

    Raises:
        InvalidInputError: a key is taken, a customer or a track is missing; the details say
            which, by invoice and line.
    """
    lines = new_invoices.with_prices(items)
    values = new_invoices.with_totals(items, lines)
    invoices = entities_bulk_create(model=Invoice, items=values)
    new_invoices.create_lines(invoices, lines)
    return invoices


@transaction.atomic
def invoice_update(*, invoice_id: int, changes: Mapping[str, Any]) -> Invoice:
    """Changes a draft.

    Raises:
        NotFoundError: there is no such invoice.
        ConflictError: it is no draft any more.
        InvalidInputError: a value is not allowed.
    """
    invoice = entity_lock(model=Invoice, entity_id=invoice_id)
    _require_status([invoice], InvoiceStatus.DRAFT, "changed")
    return entity_update(model=Invoice, entity_id=invoice_id, changes=changes)


def invoices_pay(*, invoice_ids: Sequence[int]) -> int:
    """Marks drafts as paid: from now on the storefront knows of them.

    Returns:
        How many they were.

    Raises:
        InvalidInputError: an invoice does not exist, or is named twice.
        ConflictError: one is no draft; nothing was written.
    """
    return _advance(invoice_ids, InvoiceStatus.DRAFT, InvoiceStatus.PAID, "paid")


def invoices_cancel(*, invoice_ids: Sequence[int]) -> int:
    """Takes paid invoices back: they stay, and count no more.

    Returns, Raises: as ``invoices_pay``; each must be paid.
    """
    return _advance(invoice_ids, InvoiceStatus.PAID, InvoiceStatus.CANCELLED, "cancelled")


@transaction.atomic
def invoice_delete(*, invoice_id: int) -> None:
    """Deletes an invoice with its lines; a paid one has to be cancelled first.

    Raises:
        NotFoundError: there is no such invoice.
        ConflictError: it is paid.
    """
    invoice = entity_lock(model=Invoice, entity_id=invoice_id, is_deleted=True)
    if invoice.status == InvoiceStatus.PAID:
        raise ConflictError(f"Invoice {invoice_id} is paid: cancel it first.")
    entity_delete(model=Invoice, entity_id=invoice_id)


@transaction.atomic
def _advance(
    invoice_ids: Sequence[int], before: InvoiceStatus, after: InvoiceStatus, done: str
) -> int:
    if len(set(invoice_ids)) != len(invoice_ids):
        raise InvalidInputError("The request is not valid.", {"ids": ["A key is named twice."]})
    # In the order of their keys: two requests that overlap wait for each other, not in a circle.
    rows = Invoice.objects.filter(pk__in=invoice_ids)
    invoices = list(rows.select_for_update(no_key=True).order_by("pk"))
    missing = sorted(set(invoice_ids) - {invoice.pk for invoice in invoices})
    if missing:
        problem = f"{len(missing)} invoices do not exist: {_shown(missing)}."
        raise InvalidInputError("The request is not valid.", {"ids": [problem]})
    _require_status(invoices, before, done)
    Invoice.cqrs.bulk_update(rows, status=after)
    return len(invoices)


def _require_status(invoices: Sequence[Invoice], status: InvoiceStatus, done: str) -> None:
    others = [invoice for invoice in invoices if invoice.status != status]
    if others:
        are = ", ".join(sorted({invoice.status for invoice in others}))
        raise ConflictError(
            f"Only an invoice that is {status} can be {done}; "
            f"{_shown([invoice.pk for invoice in others])}: {are}."
        )


def _shown(keys: Sequence[int]) -> str:
    return ", ".join(map(str, keys[:MAX_KEYS_SHOWN]))
