"""The words that all modules share: a row as the APIs show it, and the names of the resources."""

from collections.abc import Mapping
from typing import Any

#: Fields of a row by their names; the key is `id`.
Row = Mapping[str, Any]

#: What the demo loads, parents first.
CATALOGUE_RESOURCES = ("genres", "media-types", "artists", "albums", "tracks")
#: Everything that is replicated.
RESOURCES = (*CATALOGUE_RESOURCES, "price-changes")
