"""Sales figures, twice: as the master's tables say them in SQL, and as the storefront answers."""

from decimal import Decimal

from integration_tests import databases
from integration_tests.clients import ReplicaClient

_OF_TRACKS = """
    SELECT line.track_id, sum(line.quantity), sum(line.quantity * line.unit_price)
    FROM sales_invoiceline line JOIN sales_invoice invoice ON invoice.id = line.invoice_id
    WHERE invoice.status = 'paid' GROUP BY line.track_id
"""
_OF_ARTISTS = """
    SELECT album.artist_id, sum(line.quantity), sum(line.quantity * line.unit_price)
    FROM sales_invoiceline line JOIN sales_invoice invoice ON invoice.id = line.invoice_id
    JOIN catalogue_track track ON track.id = line.track_id
    JOIN catalogue_album album ON album.id = track.album_id
    WHERE invoice.status = 'paid' GROUP BY album.artist_id
"""
_OF_COUNTRIES = """
    SELECT invoice.billing_country, sum(line.quantity), sum(line.quantity * line.unit_price)
    FROM sales_invoiceline line JOIN sales_invoice invoice ON invoice.id = line.invoice_id
    WHERE invoice.status = 'paid' GROUP BY invoice.billing_country
"""

Figures = dict[object, tuple[int, Decimal]]


def assert_equal_figures(master_url: str, replica: ReplicaClient) -> None:
    """Fail if a figure of the storefront is not what the master's tables add up to."""
    for of, key, query in (
        ("tracks", "track_id", _OF_TRACKS),
        ("artists", "artist_id", _OF_ARTISTS),
        ("countries", "country", _OF_COUNTRIES),
    ):
        expected: Figures = {
            row[0]: (int(row[1]), row[2]) for row in databases.rows(master_url, query)
        }
        found: Figures = {
            row[key]: (row["units"], Decimal(row["revenue"]))
            for row in replica.figures(of)
            if row["units"]  # a country may have customers alone
        }
        assert found == expected, f"figures of {of}: {found} instead of {expected}"
        assert expected, "nothing was sold"
