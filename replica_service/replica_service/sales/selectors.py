"""Sales figures: computed from the replicated rows whenever somebody asks.

Never counted up as messages come: a message may come twice, late or never, while a sum over rows
is right as soon as the rows are.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, DecimalField, F, Max, QuerySet, Sum

from replica_service.sales.models import PAID, ClosedAccount, Customer, Sale

UNITS = Sum("quantity")
REVENUE = Sum(
    F("unit_price") * F("quantity"), output_field=DecimalField(max_digits=20, decimal_places=2)
)


def paid_sales() -> QuerySet[Sale]:
    """The lines that count: of invoices that were paid and not cancelled."""
    sales: QuerySet[Sale] = Sale.objects.filter(status=PAID)
    return sales


def track_figures() -> QuerySet[Sale, Any]:
    """``units`` and ``revenue`` by track; its names are null until it has arrived."""
    by_track = paid_sales().values(
        "track_id",
        track_name=F("track__name"),
        artist_id=F("track__artist_id"),
        artist_name=F("track__artist_name"),
    )
    return by_track.annotate(units=UNITS, revenue=REVENUE)


def artist_figures() -> QuerySet[Sale, Any]:
    """``units`` and ``revenue`` by artist; those of tracks that are not here are nobody's yet."""
    by_artist = paid_sales().values(artist_id=F("track__artist_id"))
    return by_artist.annotate(artist_name=Max("track__artist_name"), units=UNITS, revenue=REVENUE)


@dataclass(slots=True)
class CountryFigure:
    """What one country means to the shop."""

    country: str
    customers: int = 0
    closed_accounts: int = 0
    invoices: int = 0
    units: int = 0
    revenue: Decimal = Decimal(0)


def country_figures() -> list[CountryFigure]:
    """One figure for each country that anything is known of, by its name."""
    figures: dict[str, CountryFigure] = {}

    def of(country: str) -> CountryFigure:
        return figures.setdefault(country, CountryFigure(country))

    counted = Count("pk")
    for country, count in Customer.objects.values_list("country").annotate(counted):
        of(country).customers = count
    for country, count in ClosedAccount.objects.values_list("country").annotate(counted):
        of(country).closed_accounts = count
    by_country = paid_sales().values("country")
    invoices = Count("invoice_id", distinct=True)
    for row in by_country.annotate(invoices=invoices, units=UNITS, revenue=REVENUE):
        figure = of(row["country"])
        figure.invoices, figure.units = row["invoices"], row["units"]
        figure.revenue = row["revenue"]
    return sorted(figures.values(), key=lambda figure: figure.country)
