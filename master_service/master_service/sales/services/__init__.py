"""The use cases of sales, beside what ``entities`` can do with every model.

Each is one transaction, takes keyword arguments only, and raises an ``ApplicationError`` when it
cannot do what was asked. The API and the admin call them; neither writes by itself.
"""

from master_service.sales.services.customers import customer_forget
from master_service.sales.services.invoices import (
    invoice_delete,
    invoice_update,
    invoices_cancel,
    invoices_create,
    invoices_pay,
)

__all__ = [
    "customer_forget",
    "invoice_delete",
    "invoice_update",
    "invoices_cancel",
    "invoices_create",
    "invoices_pay",
]
