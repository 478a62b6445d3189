"""Mistakes in a declaration are found when the class is made, and say what to change."""

from typing import Any

import pytest
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.metas import MasterMeta, ReplicaMeta
from dj_cqrs.mixins import MasterMixin, RawMasterMixin, RawReplicaMixin, ReplicaMixin
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry
from tests.app.master_models import Author
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
            "Model Thing: Invalid configuration for CQRS_TRACKED_FIELDS",
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

    ReplicaMeta.register(Notifier)

    assert ReplicaRegistry.get_model_by_cqrs_id("by_hand") is Notifier


@isolate_apps("tests.app")
def test_a_raw_master_is_registered_by_hand() -> None:
    class Raw(RawMasterMixin):
        CQRS_ID = "raw"

        class Meta:
            app_label = "app"

    assert "raw" not in MasterRegistry.models
    MasterMeta.register(Raw)
    assert MasterRegistry.get_model_by_cqrs_id("raw") is Raw


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


@override_settings(CQRS=None)
def test_missing_settings_are_named() -> None:
    with pytest.raises(ConfigurationError, match="must be set in Django project settings"):
        _replica(CQRS_ID="x")
