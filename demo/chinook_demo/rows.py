"""The words that all modules share: a row as the APIs show it, and the names of the resources."""

from collections.abc import Mapping
from typing import Any

#: Fields of a row by their names; the key is `id`.
Row = Mapping[str, Any]

#: What the demo loads, parents first. Lines go with their invoices; employees stay on the master.
LOADED_RESOURCES = (
    *("genres", "media-types", "artists", "albums", "tracks"),
    *("playlists", "playlist-tracks"),
    *("employees", "customers", "invoices"),
)
#: Everything that is replicated: its name on the master, and on the replica.
REPLICATED = {
    "genres": "genres",
    "media-types": "media-types",
    "artists": "artists",
    "albums": "albums",
    "tracks": "tracks",
    "price-changes": "price-changes",
    "playlists": "playlists",
    "playlist-tracks": "playlist-tracks",
    "customers": "customers",
    "invoices": "invoices",
    "invoice-lines": "sales",
}
#: Of these, drafts stay on the master.
WITH_DRAFTS = frozenset({"invoices", "invoice-lines"})
