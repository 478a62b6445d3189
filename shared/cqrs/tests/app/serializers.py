"""Serializers of master models: a class that takes an instance and has ``.data`` is enough."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.app.master_models import Book


class BookSerializer:
    """A book with the names of its author and publisher."""

    def __init__(self, instance: "Book") -> None:
        self._book = instance

    @property
    def data(self) -> dict[str, Any]:
        book = self._book
        return {
            "id": book.pk,
            "title": book.title,
            "author": {"id": book.author_id, "name": book.author.name},
            "publisher": book.publisher.name if book.publisher else None,
            "price": book.price,
        }
