"""Both sides of a small family of models, for the test of convergence."""

from typing import Any, ClassVar

from django.db import models

from dj_cqrs.mixins import MasterMixin, ReplicaMixin


class House(MasterMixin):
    CQRS_ID = "house"

    name = models.CharField(max_length=50)


class Room(MasterMixin):
    CQRS_ID = "room"

    name = models.CharField(max_length=50)
    house = models.ForeignKey(House, on_delete=models.CASCADE)


class Guest(MasterMixin):
    CQRS_ID = "guest"

    name = models.CharField(max_length=50)
    room = models.ForeignKey(Room, on_delete=models.CASCADE)


class HouseCopy(ReplicaMixin):
    """Written in bulk."""

    CQRS_ID = "house"

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)


class RoomCopy(ReplicaMixin):
    """Written in bulk, with a foreign key that the database enforces."""

    CQRS_ID = "room"

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)
    house = models.ForeignKey(HouseCopy, on_delete=models.CASCADE)


class GuestCopy(ReplicaMixin):
    """Written by hooks, which fail at times, with a foreign key that nobody enforces."""

    CQRS_ID = "guest"

    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=50)
    room = models.ForeignKey(
        RoomCopy, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    #: Keys at which the hooks raise.
    unlucky: ClassVar[set[int]] = set()

    @classmethod
    def cqrs_create(
        cls, sync: bool, mapped_data: Any, previous_data: Any = None, meta: Any = None
    ) -> Any:
        cls._may_fail(mapped_data["id"])
        return super().cqrs_create(sync, mapped_data, previous_data, meta)

    def cqrs_update(
        self, sync: bool, mapped_data: Any, previous_data: Any = None, meta: Any = None
    ) -> Any:
        self._may_fail(self.pk)
        return super().cqrs_update(sync, mapped_data, previous_data, meta)

    @classmethod
    def cqrs_delete(cls, master_data: Any, meta: Any = None) -> bool:
        cls._may_fail(master_data["id"])
        return super().cqrs_delete(master_data, meta)

    @classmethod
    def _may_fail(cls, pk: int) -> None:
        if pk in cls.unlucky:
            raise RuntimeError(f"the hook does not like guest {pk} today")
