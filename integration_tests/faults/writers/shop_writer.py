"""Back office work past the API: scripts, imports and admin actions write like this."""

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Q
from loop import Action, ChangedMindError, word, write

_FEWEST = 20
_MOST = 80


class _Catalogue:
    """Changes of tracks, each in a way that mixins, signals and managers see differently."""

    def __init__(self) -> None:
        self._artist, self._album, self._media_type, self._track = (
            apps.get_model("catalogue", name) for name in ("Artist", "Album", "MediaType", "Track")
        )
        self._ours = Q(name__startswith="orm ")

    def actions(self) -> Sequence[Action]:
        """What the writer chooses from."""
        return (
            self.create,
            self.create_many,
            self.rename,
            self.reprice,
            self.reprice_many,
            self.rename_artist,
            self.change_twice,
            self.change_through_two_objects,
            self.roll_back,
            self.roll_back_a_savepoint,
            self.replace,
            self.delete,
            self.delete_several,
        )

    def create(self, rng: random.Random) -> None:
        """An artist with an album and its first track, in one transaction."""
        if self._count() >= _MOST:
            return
        with transaction.atomic():
            artist = self._artist.objects.create(name=word(rng))
            album = self._album.objects.create(title=word(rng), artist=artist)
            self._new_track(rng, album).save()

    def create_many(self, rng: random.Random) -> None:
        """Tracks with one INSERT."""
        album = self._album.objects.filter(title__startswith="orm ").order_by("?").first()
        if album is None or self._count() >= _MOST:
            return
        self._track.cqrs.bulk_create([self._new_track(rng, album) for _ in range(8)])

    def rename(self, rng: random.Random) -> None:
        """One save of all fields."""
        if track := self._some(rng):
            track.name = word(rng)
            track.save()

    def reprice(self, rng: random.Random) -> None:
        """One save of one field."""
        if track := self._some(rng):
            track.unit_price = self._price(rng)
            track.save(update_fields=["unit_price"])

    def reprice_many(self, rng: random.Random) -> None:
        """Several rows with one UPDATE."""
        keys = [track.pk for track in self._sample(rng, 5)]
        self._track.cqrs.bulk_update(
            self._track.objects.filter(pk__in=keys), unit_price=self._price(rng)
        )

    def rename_artist(self, rng: random.Random) -> None:
        """A row that the payloads of others embed."""
        artist = self._artist.objects.filter(name__startswith="orm ").order_by("?").first()
        if artist is not None:
            artist.name = word(rng)
            artist.save()

    def change_twice(self, rng: random.Random) -> None:
        """Two saves of one object in one transaction: one message."""
        if track := self._some(rng):
            with transaction.atomic():
                track.name = word(rng)
                track.save()
                track.unit_price = self._price(rng)
                track.save()

    def change_through_two_objects(self, rng: random.Random) -> None:
        """Two objects of one row in one transaction, each with a change of its own."""
        if track := self._some(rng):
            with transaction.atomic():
                other = self._track.objects.get(pk=track.pk)
                track.name = word(rng)
                track.save()
                other.composer = word(rng)
                other.save()

    def roll_back(self, rng: random.Random) -> None:
        """Nothing of it may be seen anywhere."""
        if track := self._some(rng):
            with transaction.atomic():
                track.name = f"never {word(rng)}"
                track.save()
                raise ChangedMindError

    def roll_back_a_savepoint(self, rng: random.Random) -> None:
        """A change that stays, beside one that does not."""
        tracks = self._sample(rng, 2)
        if len(tracks) < 2:
            return
        with transaction.atomic():
            tracks[0].name = word(rng)
            tracks[0].save()
            try:
                with transaction.atomic():
                    tracks[1].name = f"never {word(rng)}"
                    tracks[1].save()
                    raise ChangedMindError
            except ChangedMindError:
                pass

    def replace(self, rng: random.Random) -> None:
        """A row is deleted, and its key used again, in one transaction or in two."""
        track = self._some(rng)
        if track is None:
            return
        new = self._new_track(rng, track.album)
        new.pk = track.pk
        if rng.random() < 0.5:
            with transaction.atomic():
                track.delete()
                new.save(force_insert=True)
        else:
            track.delete()
            new.save(force_insert=True)

    def delete(self, rng: random.Random) -> None:
        """One row, by its object."""
        if (track := self._some(rng)) and self._count() > _FEWEST:
            track.delete()

    def delete_several(self, rng: random.Random) -> None:
        """Several rows, by a query set."""
        if self._count() > _FEWEST:
            keys = [track.pk for track in self._sample(rng, 3)]
            self._track.objects.filter(pk__in=keys).delete()

    def _count(self) -> int:
        return int(self._track.objects.filter(self._ours).count())

    def _some(self, rng: random.Random) -> Any:
        found = self._sample(rng, 1)
        return found[0] if found else None

    def _sample(self, rng: random.Random, count: int) -> list[Any]:
        tracks = list(self._track.objects.filter(self._ours).order_by("pk"))
        return rng.sample(tracks, min(count, len(tracks)))

    def _new_track(self, rng: random.Random, album: Any) -> Any:
        media_type, _ = self._media_type.objects.get_or_create(name="orm")
        return self._track(
            name=word(rng), album=album, media_type=media_type, unit_price=self._price(rng)
        )

    @staticmethod
    def _price(rng: random.Random) -> Decimal:
        return Decimal(rng.randint(0, 500)) / 100


if __name__ == "__main__":
    write(lambda: _Catalogue().actions())
