"""Both services in this process: dictionaries behind the two APIs, as far as the demo uses them.

The replica follows at once and completely, except for what a test takes away from it.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from chinook_demo.settings import Settings

Item = dict[str, Any]
Table = dict[int, Item]

RESOURCES = ("genres", "media-types", "artists", "albums", "tracks", "price-changes")
SETTINGS = Settings("http://master.test", "http://replica.test", "secret")


class FakeShop:
    """Answers requests to http://master.test and http://replica.test."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {resource: {} for resource in RESOURCES}
        #: Rows that never arrive, and fields that arrive differently.
        self.lost: set[tuple[str, int]] = set()
        self.spoiled: dict[tuple[str, int], Item] = {}
        self.is_stopped = False
        self._revisions: dict[tuple[str, int], int] = defaultdict(lambda: -1)
        self._largest: dict[str, int] = defaultdict(int)
        self._previous: dict[int, str] = {}

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def create(self, resource: str, **fields: Any) -> Item:
        """What somebody creates who is not the demo."""
        key = fields.get("id") or self._largest[resource] + 1
        assert key not in self.tables[resource], f"{resource} {key} is taken"
        self._largest[resource] = max(key, self._largest[resource])
        row = {"genre": None, **fields} if resource == "tracks" else fields
        row = {**row, "id": key, "cqrs_revision": self._bump(resource, key)}
        self.tables[resource][key] = row
        return row

    def _bump(self, resource: str, key: int) -> int:
        self._revisions[resource, key] += 1
        return self._revisions[resource, key]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_stopped:
            raise httpx.ConnectError("connection refused", request=request)
        if request.url.path == "/readyz":
            return httpx.Response(200)
        _, _, resource, *rest = request.url.path.rstrip("/").split("/")
        if request.method == "GET":
            return self._read(request, resource, *rest)
        if request.headers.get("Authorization") != f"Bearer {SETTINGS.api_token}":
            return httpx.Response(401, json={"code": "not_authenticated"})
        handlers: dict[str, Callable[[str, str, Any], httpx.Response]] = {
            "POST": self._create_many,
            "PATCH": self._reprice if rest == ["bulk"] else self._change,
            "DELETE": self._delete,
        }
        body = json.loads(request.content) if request.content else None
        return handlers[request.method](resource, rest[0], body)

    def _read(self, request: httpx.Request, resource: str, key: str = "") -> httpx.Response:
        is_master = request.url.host == "master.test"
        if request.url.params.get("page_size") == "1":  # asked for the count alone
            lost = set() if is_master else {key for name, key in self.lost if name == resource}
            count = len(self.tables[resource].keys() - lost)
            return httpx.Response(200, json={"count": count, "next": None, "results": []})
        table = self.tables[resource] if is_master else self._storefront(resource)
        if key:
            row = table.get(int(key))
            return httpx.Response(200, json=row) if row else httpx.Response(404)
        parameters = dict(request.url.params)
        page, size = int(parameters.pop("page", "1")), int(parameters.pop("page_size"))
        rows = [
            row
            for _, row in sorted(table.items())
            if all(str(row[name]) == value for name, value in parameters.items())
        ]
        more = "there is more" if len(rows) > page * size else None
        results = rows[(page - 1) * size : page * size]
        return httpx.Response(200, json={"count": len(rows), "next": more, "results": results})

    def _create_many(self, resource: str, _bulk: str, bodies: Any) -> httpx.Response:
        return httpx.Response(201, json=[self.create(resource, **body) for body in bodies])

    def _change(self, resource: str, key: str, body: Any) -> httpx.Response:
        row = self.tables[resource][int(key)]
        row |= body
        row["cqrs_revision"] = self._bump(resource, row["id"])
        return httpx.Response(200, json=row)

    def _reprice(self, resource: str, _bulk: str, body: Any) -> httpx.Response:
        tracks = [self.tables["tracks"][key] for key in body["ids"]]
        changed = [t for t in tracks if Decimal(t["unit_price"]) != Decimal(body["unit_price"])]
        for track in changed:
            self._previous[track["id"]] = track["unit_price"]
            self.create(
                "price-changes",
                track=track["id"],
                old_price=track["unit_price"],
                new_price=body["unit_price"],
                changed_at=datetime.now(UTC).isoformat(),
            )
            self._change("tracks", str(track["id"]), {"unit_price": body["unit_price"]})
        return httpx.Response(200, json={"updated": len(changed)})

    def _delete(self, resource: str, key: str, _body: Any) -> httpx.Response:
        children = {"albums": ("tracks", "album"), "tracks": ("price-changes", "track")}
        if resource in children:
            child, reference = children[resource]
            for row in list(self.tables[child].values()):
                if row[reference] == int(key):
                    self._delete(child, str(row["id"]), None)
        del self.tables[resource][int(key)]
        self._bump(resource, int(key))
        self._previous.pop(int(key), None)
        return httpx.Response(204)

    def _storefront(self, resource: str) -> Table:
        return {
            key: self._shown(resource, row) | self.spoiled.get((resource, key), {})
            for key, row in self.tables[resource].items()
            if (resource, key) not in self.lost
        }

    def _shown(self, resource: str, row: Item) -> Item:
        if resource == "albums":
            artist = self.tables["artists"][row["artist"]]
            return {**row, "artist_id": artist["id"], "artist_name": artist["name"]}
        if resource == "price-changes":
            prices = {"price_before": row["old_price"], "price_after": row["new_price"]}
            return {**row, **prices, "track_id": row["track"]}
        return self._search_row(row) if resource == "tracks" else row

    def _search_row(self, track: Item) -> Item:
        album = self.tables["albums"][track["album"]]
        genre = self.tables["genres"].get(track["genre"])
        return {
            **track,
            "album_id": album["id"],
            "album_title": album["title"],
            "artist_id": album["artist"],
            "artist_name": self.tables["artists"][album["artist"]]["name"],
            "genre_id": genre and genre["id"],
            "genre_name": genre["name"] if genre else "",
            "media_type_name": self.tables["media-types"][track["media_type"]]["name"],
            "previous_price": self._previous.get(track["id"]),
        }
