"""Addresses of sales, under /api/."""

from rest_framework.routers import SimpleRouter

from master_service.sales import views

router = SimpleRouter()
router.register("employees", views.EmployeeViewSet, basename="employee")
router.register("customers", views.CustomerViewSet, basename="customer")
router.register("invoices", views.InvoiceViewSet, basename="invoice")
router.register("invoice-lines", views.InvoiceLineViewSet, basename="invoice-line")

urlpatterns = router.urls
