"""The flat search row: how a track's payload becomes columns, and how words are compared.

Pure functions: the models call them with a payload, the filters with what a reader typed.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any

#: Fields of the payload that are columns as they are.
PLAIN_FIELDS = (
    "id",
    "name",
    "composer",
    "milliseconds",
    "bytes",
    "unit_price",
    "cqrs_revision",
    "cqrs_updated",
)


def search_row(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Flattens a track's payload.

    Args:
        payload: instance data of the master's track: its fields, and its related rows nested.

    Returns:
        Values by field name; the storefront's own columns are not among them.
    """
    album, artist, genre = payload["album"], payload["artist"], payload["genre"]
    return {
        **{name: payload[name] for name in PLAIN_FIELDS},
        "album": album["id"],
        "album_title": album["title"],
        "artist": artist["id"],
        "artist_name": artist["name"],
        "genre": genre["id"] if genre else None,
        "genre_name": genre["name"] if genre else "",
        "media_type_name": payload["media_type"]["name"],
        "search_text": comparable(f"{payload['name']} {artist['name']} {album['title']}"),
    }


def comparable(text: str) -> str:
    """Text without case and accents, so that "motorhead" finds "Motörhead" on every database."""
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(letters.casefold().split())
