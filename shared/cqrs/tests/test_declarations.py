"""Mistakes in a declaration are found when the class is made, and say what to change."""

from typing import Any

import pytest
from django.db import models, transaction
from django.db.models.base import ModelBase
from django.test.utils import isolate_apps
from pytest_django import Settings

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.metas import MasterMeta, ReplicaMeta
from dj_cqrs.mixins import MasterMixin, RawMasterMixin, RawReplicaMixin, ReplicaMixin
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry
from tests.app.master_models import Author, Dog
from tests.master.outbox_reader import summary, take


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(MasterRegistry, "models", dict(MasterRegistry.models))
    monkeypatch.setattr(ReplicaRegistry, "models", dict(ReplicaRegistry.models))


def _master(**attributes: Any) -> Any:
    with isolate_apps("tests.app"):
        body = {"__module__": "tests.app.models", "name": models.CharField(max_length=5)}
        meta = type("Meta", (), {"app_label": "app"})
        return MasterMeta("Thing", (MasterMixin,), {**body, "Meta": meta, **attributes})


def _replica(**attributes: Any) -> Any:
    with isolate_apps("tests.app"):
        body = {"__module__": "tests.app.models", "name": models.CharField(max_length=5)}
        meta = type("Meta", (), {"app_label": "app"})
        return ReplicaMeta("Thing", (ReplicaMixin,), {**body, "Meta": meta, **attributes})


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({}, "CQRS_ID must be set for every model, that uses CQRS."),
        ({"CQRS_ID": "a.b"}, "without spaces, dots and the wildcards"),
        ({"CQRS_ID": "a*"}, "without spaces, dots and the wildcards"),
        ({"CQRS_ID": "a#"}, "without spaces, dots and the wildcards"),
        ({"CQRS_ID": ""}, "CQRS_ID must be set for every model, that uses CQRS."),
        ({"CQRS_ID": 5}, "must be a string"),
        ({"CQRS_ID": "a" * 201}, "longer than 200 characters"),
        ({"CQRS_ID": "author"}, "Two models can't have the same CQRS_ID: author."),
        ({"CQRS_ID": "x", "CQRS_FIELDS": ["name"]}, "PK is not in CQRS_FIELDS for model Thing."),
        (
            {"CQRS_ID": "x", "CQRS_FIELDS": ["id", "id"]},
            "Duplicate names in CQRS_FIELDS field for model Thing.",
        ),
        (
            {"CQRS_ID": "x", "CQRS_FIELDS": ["id", "colour"]},
            "CQRS_FIELDS field is not correctly set for model Thing.",
        ),
        (
            {"CQRS_ID": "x", "CQRS_FIELDS": ["id"], "CQRS_SERIALIZER": "a.b"},
            "Model Thing: CQRS_FIELDS can't be set together with CQRS_SERIALIZER.",
        ),
        (
            {"CQRS_ID": "x", "CQRS_TRACKED_FIELDS": ["colour"]},
            "CQRS_TRACKED_FIELDS field is not correctly set for model Thing.",
        ),
        (
            {"CQRS_ID": "x", "CQRS_TRACKED_FIELDS": ["name", "name"]},
            "Duplicate names in CQRS_TRACKED_FIELDS field for model Thing.",
        ),
        (
            {"CQRS_TRACKED_FIELDS": ["colour"]},
            "CQRS_ID must be set for every model, that uses CQRS.",
        ),
        (
            {"CQRS_ID": "x", "CQRS_TRACKED_FIELDS": "name"},
            "Model Thing: Invalid configuration for CQRS_TRACKED_FIELDS",
        ),
    ],
)
def test_a_wrong_master_is_refused(attributes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        _master(**attributes)

    assert problem in str(error.value)
    assert isinstance(error.value, AssertionError)


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({}, "CQRS_ID must be set for every model, that uses CQRS."),
        (
            {"CQRS_ID": "x", "CQRS_MAPPING": {"a": "name"}},
            "PK is not in CQRS_MAPPING for model Thing.",
        ),
        (
            {"CQRS_ID": "x", "CQRS_MAPPING": {"a": "id", "b": "colour"}},
            "CQRS_MAPPING field is not correctly set for model Thing.",
        ),
    ],
)
def test_a_wrong_replica_is_refused(attributes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        _replica(**attributes)

    assert problem in str(error.value)


def test_a_master_may_track_no_field() -> None:
    assert _master(CQRS_ID="x", CQRS_TRACKED_FIELDS=[]) is MasterRegistry.models["x"]


def test_a_replica_needs_a_queue(settings: Any) -> None:
    settings.CQRS = {**settings.CQRS, "queue": None}
    with pytest.raises(ConfigurationError, match="CQRS queue must be set"):
        _replica(CQRS_ID="x")


def test_an_abstract_base_is_not_registered() -> None:
    for declare in (_master, _replica):
        # Django changes the options that it is given.
        base = declare(Meta=type("Meta", (), {"app_label": "app", "abstract": True}))
        assert base not in [*MasterRegistry.models.values(), *ReplicaRegistry.models.values()]


def test_a_class_that_is_no_model_can_be_a_replica() -> None:
    class Notifier(RawReplicaMixin):
        CQRS_ID = "by_hand"

    assert ReplicaMeta.register(Notifier) is Notifier
    assert ReplicaRegistry.get_model_by_cqrs_id("by_hand") is Notifier


@isolate_apps("tests.app")
def test_a_raw_master_is_registered_by_hand() -> None:
    class Raw(RawMasterMixin):
        CQRS_ID = "raw"

        class Meta:
            app_label = "app"

    assert "raw" not in MasterRegistry.models
    assert MasterMeta.register(Raw) is Raw  # so that it can be a decorator
    assert MasterRegistry.get_model_by_cqrs_id("raw") is Raw


class TreeMeta(ModelBase):
    """The metaclass of some library's models."""


class TreeModel(models.Model, metaclass=TreeMeta):
    """Some library's base."""

    class Meta:
        abstract = True


@isolate_apps("tests.app")
def test_a_model_with_a_metaclass_of_another_library_is_registered_by_hand() -> None:
    class Leaf(RawMasterMixin, TreeModel):
        CQRS_ID = "leaf"

        class Meta:
            app_label = "app"

    MasterMeta.register(Leaf)
    MasterMeta.register(Leaf)  # twice is once

    assert MasterRegistry.models["leaf"] is Leaf


@isolate_apps("tests.app")
def test_metaclasses_can_be_combined() -> None:
    class MasterTreeMeta(MasterMeta, TreeMeta):
        pass

    class ReplicaTreeMeta(ReplicaMeta, TreeMeta):
        pass

    class Leaf(MasterMixin, TreeModel, metaclass=MasterTreeMeta):
        CQRS_ID = "leaf"

        class Meta:
            app_label = "app"

    class LeafCopy(ReplicaMixin, TreeModel, metaclass=ReplicaTreeMeta):
        CQRS_ID = "leaf"

        class Meta:
            app_label = "app"

    assert MasterRegistry.models["leaf"] is Leaf
    assert ReplicaRegistry.models["leaf"] is LeafCopy


@isolate_apps("tests.app")
def test_abstract_bases_between_mixin_and_model_need_no_id() -> None:
    class MasterBase(MasterMixin):
        class Meta:
            app_label = "app"
            abstract = True

    class ReplicaBase(ReplicaMixin):
        class Meta:
            app_label = "app"
            abstract = True

    class Master(MasterBase):
        CQRS_ID = "far_away"

        class Meta:
            app_label = "app"

    class Replica(ReplicaBase):
        CQRS_ID = "far_away"

        class Meta:
            app_label = "app"

    assert MasterRegistry.models["far_away"] is Master
    assert ReplicaRegistry.models["far_away"] is Replica


@isolate_apps("tests.app")
def test_class_arguments_reach_the_class() -> None:
    class Flavoured:
        flavour: str

        def __init_subclass__(cls, *, flavour: str = "", **kwargs: Any) -> None:
            super().__init_subclass__(**kwargs)
            cls.flavour = flavour

    class Master(Flavoured, MasterMixin, flavour="sweet"):
        CQRS_ID = "flavoured"

        class Meta:
            app_label = "app"

    class Replica(Flavoured, ReplicaMixin, flavour="sour"):
        CQRS_ID = "flavoured"

        class Meta:
            app_label = "app"

    assert (Master.flavour, Replica.flavour) == ("sweet", "sour")


def test_an_unknown_id_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert MasterRegistry.get_model_by_cqrs_id("nobody") is None
    assert "No model with such CQRS_ID: nobody." in caplog.text


@pytest.mark.django_db(transaction=True)
@isolate_apps("tests.app", attr_name="apps")
def test_a_proxy_sends_the_rows_of_its_model() -> None:
    class Novelist(Author):
        class Meta:
            app_label = "app"
            proxy = True

    novelist = Novelist.objects.create(name="Lem")
    Author.objects.get(pk=novelist.pk).save()
    Novelist.objects.get(pk=novelist.pk).delete()

    assert summary(take()) == [
        ("SAVE", "author", novelist.pk, 0),
        ("SAVE", "author", novelist.pk, 1),
        ("DELETE", "author", novelist.pk, 2),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_proxy_registered_by_hand_sends_rows_under_its_own_id() -> None:
    dog = Dog.objects.create(name="Rex")
    with transaction.atomic():
        dog.name = "Bello"
        dog.save()
        Dog.cqrs.bulk_update(Dog.objects.all(), name="Fido")
    dog.cqrs_sync(queue="q")
    Dog.cqrs.bulk_create([Dog(pk=dog.pk + 1, name="Hasso")])
    Dog.objects.get(pk=dog.pk).delete()

    messages = take()
    assert summary(messages) == [
        ("SAVE", "dog", dog.pk, 0),
        ("SAVE", "dog", dog.pk, 1),
        ("SYNC", "dog", dog.pk, 1),
        ("SAVE", "dog", dog.pk + 1, 0),
        ("DELETE", "dog", dog.pk, 2),
    ]
    assert messages[1]["previous_data"] == {"name": "Rex"}


@pytest.mark.django_db(transaction=True)
@isolate_apps("tests.app", attr_name="apps")
def test_bulk_writes_through_a_proxy_are_those_of_its_model(author: Author) -> None:
    class Novelist(Author):
        class Meta:
            app_label = "app"
            proxy = True

    with transaction.atomic():
        author.save()
        Novelist.cqrs.bulk_update(Novelist.objects.all(), name="x")

    assert summary(take()) == [("SAVE", "author", author.pk, 1)]


def test_missing_settings_are_named(settings: Settings) -> None:
    del settings.CQRS
    with pytest.raises(ConfigurationError, match="must be set in Django project settings"):
        _replica(CQRS_ID="x")
