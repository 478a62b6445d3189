"""What was sold: figures of the storefront against the books, and not a word about people."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from chinook_demo.errors import NotFollowedError
from chinook_demo.narrator import Narrator
from chinook_demo.rows import Row
from chinook_demo.shop import Shop

#: What a person could be known by.
_PERSONAL = ("first_name", "last_name", "company", "address", "phone", "fax", "email")
_REPLICATED = ("customers", "invoices", "sales")


def show_sales(shop: Shop, narrator: Narrator) -> None:
    """Compares revenue by country on both sides, shows the best seller, looks for people.

    Raises:
        NotFollowedError: A figure differs, or the replica holds a word about a person.
    """
    narrator.step("Sales: figures without the people behind them")
    _show_figures(shop, narrator)
    customers = shop.master.rows("customers")
    rows = [row for resource in _REPLICATED for row in shop.replica.rows(resource)]
    words = {row[name] for row in customers for name in _PERSONAL if row[name]}
    found = words & _texts(rows)
    if found:
        raise NotFollowedError(f"the replica knows people: {', '.join(sorted(found)[:3])}")
    narrator.said(
        f"{len(words)} names, addresses and numbers of {len(customers)} customers on the master: "
        f"not one of them in {len(rows):,} rows on the replica"
    )


def _show_figures(shop: Shop, narrator: Narrator) -> None:
    expected = revenue_by_country(shop.master.rows("invoices", status="paid"))
    narrator.asked("replica", "GET /api/figures/countries/")
    figures = shop.replica.get("figures/countries/")
    found = {row["country"]: Decimal(row["revenue"]) for row in figures if row["units"]}
    if found != expected:
        raise NotFollowedError(f"revenue by country: {found} on the replica, not {expected}")
    narrator.answered(f"{len(found)} countries, {sum(found.values())} in all, as in the books")
    narrator.asked("replica", "GET /api/figures/artists/?ordering=-revenue")
    best = shop.replica.get("figures/artists/", ordering="-revenue", page_size=1)["results"]
    for row in best:
        narrator.answered(f"{row['artist_name']}: {row['units']} sold, {row['revenue']}")


def revenue_by_country(invoices: Iterable[Row]) -> dict[str, Decimal]:
    """What the books say."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        sums[invoice["billing_country"]] += Decimal(invoice["total"])
    return dict(sums)


def _texts(rows: Sequence[Row]) -> set[str]:
    return {value for row in rows for value in row.values() if isinstance(value, str)}
