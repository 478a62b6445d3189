"""Addresses of sales, under /api/."""

from rest_framework.routers import SimpleRouter

from replica_service.sales import views

router = SimpleRouter()
router.register("customers", views.CustomerViewSet, basename="customer")
router.register("invoices", views.InvoiceViewSet, basename="invoice")
router.register("sales", views.SaleViewSet, basename="sale")
router.register("figures/tracks", views.TrackFigureViewSet, basename="track-figure")
router.register("figures/artists", views.ArtistFigureViewSet, basename="artist-figure")
router.register("figures/countries", views.CountryFigureViewSet, basename="country-figure")

urlpatterns = router.urls
