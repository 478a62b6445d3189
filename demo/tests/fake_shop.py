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

RESOURCES = (
    *("genres", "media-types", "artists", "albums", "tracks", "price-changes"),
    *("playlists", "playlist-tracks", "employees", "customers", "invoices", "invoice-lines"),
)
#: What the storefront calls otherwise.
ON_MASTER = {"sales": "invoice-lines"}
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
        #: What the notifier has logged.
        self.log = ""
        self.is_silent = False

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def create(self, resource: str, **fields: Any) -> Item:
        """What somebody creates who is not the demo."""
        if resource == "invoices":
            return self._create_invoice(fields)
        key = fields.get("id") or self._largest[resource] + 1
        assert key not in self.tables[resource], f"{resource} {key} is taken"
        self._largest[resource] = max(key, self._largest[resource])
        row = {"genre": None, **fields} if resource == "tracks" else fields
        row = {**row, "id": key, "cqrs_revision": self._bump(resource, key)}
        self.tables[resource][key] = row
        return row

    def _create_invoice(self, fields: Item) -> Item:
        lines = fields.pop("lines")
        total = sum(line["quantity"] * Decimal(line["unit_price"]) for line in lines)
        key = fields.get("id") or self._largest["invoices"] + 1
        self._largest["invoices"] = max(key, self._largest["invoices"])
        revision = self._bump("invoices", key)
        row = {**fields, "id": key, "total": str(total), "cqrs_revision": revision}
        self.tables["invoices"][key] = row
        for line in lines:
            self.create("invoice-lines", invoice=key, **line)
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
        if resource == "figures":
            return self._figures(rest[0])
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
            table = self.tables[ON_MASTER.get(resource, resource)]
            # Nobody asks for the number of anything but drafts, and here are none.
            count = 0 if "status" in request.url.params else len(table.keys() - lost)
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
            self._announce(track, body["unit_price"])
            self._change("tracks", str(track["id"]), {"unit_price": body["unit_price"]})
        return httpx.Response(200, json={"updated": len(changed)})

    def _announce(self, track: Item, price: str) -> None:
        if Decimal(price) < Decimal(track["unit_price"]) and not self.is_silent:
            revision = self._revisions["tracks", track["id"]] + 1
            line = {"id": f"{track['id']}-{revision}", "track_id": track["id"], "price": price}
            self.log += f"something else\n{json.dumps(line)}\n"

    def _figures(self, of: str) -> httpx.Response:
        """Of countries; the demo only shows what it gets of artists."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for invoice in self.tables["invoices"].values():
            sums[invoice["billing_country"]] += Decimal(invoice["total"])
        rows = [
            {"country": country, "revenue": str(revenue), "units": 1, "artist_name": "Iron Maiden"}
            for country, revenue in sums.items()
        ]
        return httpx.Response(200, json=rows if of == "countries" else {"results": rows[:1]})

    def _delete(self, resource: str, key: str, _body: Any) -> httpx.Response:
        children = {
            "albums": [("tracks", "album")],
            "tracks": [("price-changes", "track"), ("playlist-tracks", "track")],
        }
        for child, reference in children.get(resource, []):
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
            for key, row in self.tables[ON_MASTER.get(resource, resource)].items()
            if (resource, key) not in self.lost
        }

    def _shown(self, resource: str, row: Item) -> Item:
        if resource == "albums":
            artist = self.tables["artists"][row["artist"]]
            return {**row, "artist_id": artist["id"], "artist_name": artist["name"]}
        if resource == "price-changes":
            prices = {"price_before": row["old_price"], "price_after": row["new_price"]}
            return {**row, **prices, "track_id": row["track"]}
        if resource == "playlists":
            entries = self.tables["playlist-tracks"].values()
            return {**row, "track_count": sum(e["playlist"] == row["id"] for e in entries)}
        if resource == "playlist-tracks":
            return {**row, "playlist_id": row["playlist"], "track_id": row["track"]}
        if resource in {"customers", "invoices", "sales"}:
            return self._without_people(resource, row)
        return self._search_row(row) if resource == "tracks" else row

    def _without_people(self, resource: str, row: Item) -> Item:
        own = {"id": row["id"], "cqrs_revision": row["cqrs_revision"]}
        if resource == "customers":
            return {**own, "country": row["country"]}
        invoice = row if resource == "invoices" else self.tables["invoices"][row["invoice"]]
        own |= {
            "status": invoice["status"],
            "sold_at": invoice["invoiced_at"],
            "country": invoice["billing_country"],
        }
        if resource == "invoices":
            return {**own, "customer_id": row["customer"], "total": row["total"]}
        names = ("unit_price", "quantity")
        sold = {name: row[name] for name in names}
        return {**own, **sold, "invoice_id": invoice["id"], "track_id": row["track"]}

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
