"""Small promises of the contract that belong to no part: bases, defaults, errors."""

import builtins
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.test import override_settings
from pytest_django import Settings

from dj_cqrs import conf, exceptions
from dj_cqrs.apps import CQRSConfig
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.managers import MasterManager, ReplicaManager
from dj_cqrs.mixins import RawReplicaMixin
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry
from dj_cqrs.transport import BaseTransport, current_transport
from dj_cqrs.transport.memory import MemoryTransport
from dj_cqrs.transport.mock import TransportMock
from tests.app.master_models import Author, Silent
from tests.app.replica_models import AuthorCopy, Item, Notifier
from tests.master import outbox_reader

PAYLOAD = TransportPayload("SAVE", "author", {}, 1)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("produce", (PAYLOAD,)),
        ("consume", ()),
        ("clean_connection", ()),
        ("publisher", ()),
        ("consumer", ()),
        ("declare", ()),
        ("unbind", (["author"],)),
        ("dead_letters", ()),
    ],
)
def test_the_base_of_transports_can_do_nothing_itself(
    method: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(NotImplementedError):
        getattr(BaseTransport, method)(*arguments)


def test_the_base_of_transports_finds_no_mistake_in_settings_and_knows_no_consumers() -> None:
    BaseTransport.check_settings()

    assert BaseTransport.consumers == {}
    assert BaseTransport.CONSUMER_RETRY_TIMEOUT == 5


def test_the_current_transport_is_that_of_the_settings() -> None:
    assert current_transport.consumer == MemoryTransport.consumer


def test_the_current_transport_follows_overridden_settings(settings: Settings) -> None:
    other = "dj_cqrs.transport.mock.TransportMock"

    with override_settings(CQRS={**settings.CQRS, "transport": other}):
        assert current_transport.produce == TransportMock.produce

    assert current_transport.consumer == MemoryTransport.consumer


@pytest.mark.parametrize("hook", ["cqrs_save", "cqrs_delete"])
def test_a_receiver_must_have_hooks_of_its_own(hook: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(RawReplicaMixin, hook)({})


def test_models_keep_their_default_manager_and_get_another_one() -> None:
    assert isinstance(Author.objects, models.Manager)
    assert Author._default_manager.name == Item._default_manager.name == "objects"
    assert isinstance(Author.cqrs, MasterManager)
    assert isinstance(Item.cqrs, ReplicaManager)


def test_the_fields_of_the_mixins_are_those_of_the_contract() -> None:
    revision, updated = (Author._meta.get_field(n) for n in ("cqrs_revision", "cqrs_updated"))
    assert isinstance(revision, models.IntegerField)
    assert isinstance(updated, models.DateTimeField)
    assert (revision.default, updated.auto_now) == (0, True)

    revision, updated = (Item._meta.get_field(n) for n in ("cqrs_revision", "cqrs_updated"))
    assert isinstance(revision, models.IntegerField)
    assert isinstance(updated, models.DateTimeField)
    assert not revision.has_default()
    assert not updated.auto_now


def test_models_are_found_in_their_registry() -> None:
    assert MasterRegistry.models["author"] is MasterRegistry.get_model_by_cqrs_id("author")
    assert MasterRegistry.get_model_by_cqrs_id("author") is Author
    assert ReplicaRegistry.get_model_by_cqrs_id("notifier") is Notifier
    assert ReplicaRegistry.models["author"] is AuthorCopy


@pytest.mark.django_db(transaction=True)
def test_a_master_that_does_not_produce_is_not_sent() -> None:
    Silent.objects.create(name="hush").delete()

    assert outbox_reader.take() == []


@pytest.mark.django_db(transaction=True)
def test_an_instance_without_a_serializer_is_serialized_as_it_is() -> None:
    author = Author.objects.create(id=7, name="Lem")
    author.name = "not saved"

    data = author.to_cqrs_dict(sync=True)

    assert list(data) == ["id", "cqrs_revision", "cqrs_updated", "name"]
    assert (data["id"], data["name"], data["cqrs_revision"]) == (7, "not saved", 0)
    assert data["cqrs_updated"] == str(author.cqrs_updated)


@pytest.mark.parametrize(
    ("number", "default"),
    {
        "CQRS_MESSAGE_TTL": 86_400,
        "relay_batch_size": 500,
        "relay_batch_bytes": 16 * 1024 * 1024,
        "CQRS_MAX_RETRIES": 30,
        "CQRS_RETRY_DELAY": 2,
        "delay_queue_max_size": 1000,
        "batch_size": 500,
        "tombstone_ttl": 90 * 86_400,
        "unroutable_ttl": 90 * 86_400,
        "dead_message_ttl": 864_000,
        "CQRS_QUERY_TIMEOUT": 0,
    }.items(),
)
def test_numbers_have_these_defaults(number: str, default: int) -> None:
    assert conf.NUMBERS.keys() >= {number}
    assert conf.NUMBERS[number].usual_default == default


def test_other_settings_have_these_defaults(settings: Settings) -> None:
    settings.CQRS = {"transport": "x", "queue": "q"}
    config = conf.config()

    assert (config.exchange, config.url) == ("cqrs", None)
    assert config.produce_timeout_seconds == 3
    assert config.master.auto_update_fields is False
    assert (config.master.correlation_function, config.master.meta_function) == (None, None)
    assert config.replica.dead_letter_queue == "dead_letter_q"
    assert config.replica.dead_message_ttl_seconds == 864_000
    assert config.replica.queue_type == "quorum"
    assert (config.replica.log_timed_out_queries, config.replica.query_logger) == (
        False,
        "django-cqrs",
    )


@pytest.mark.parametrize(("given", "expected"), [("5000", 5000), (5000, 5000), ("soon", 0)])
def test_a_query_timeout_may_come_from_the_environment(
    settings: Settings, given: Any, expected: int
) -> None:
    settings.CQRS = {**settings.CQRS, "replica": {"CQRS_QUERY_TIMEOUT": given}}

    assert conf.config().replica.query_timeout_ms == expected


@pytest.mark.parametrize("bad", [0, -1, "soon", None, True, float("inf")])
def test_a_produce_timeout_is_a_positive_time(bad: Any) -> None:
    with (
        override_settings(CQRS={"transport": "x", "produce_timeout": bad}),
        pytest.raises(exceptions.ConfigurationError, match="produce_timeout"),
    ):
        conf.config()


def test_the_app_refuses_to_start_with_a_mistake(settings: Settings) -> None:
    config = apps.get_app_config("dj_cqrs")
    assert isinstance(config, CQRSConfig)

    settings.CQRS = {**settings.CQRS, "transport": ""}
    with pytest.raises(AssertionError, match=r"CQRS transport is not set\."):
        config.ready()


@pytest.mark.parametrize(
    ("error", "bases"),
    {
        "CQRSError": ["Exception"],
        "ConfigurationError": ["CQRSError", "AssertionError"],
        "TransportImportError": ["ConfigurationError", "ImportError"],
        "ContractError": ["CQRSError"],
        "PermanentError": ["CQRSError"],
        "ReadOnlyReplicaError": ["CQRSError"],
        "TransientError": ["CQRSError"],
        "TransportError": ["TransientError"],
        "BrokerUnreachableError": ["TransportError"],
    }.items(),
)
def test_errors_can_be_caught_by_their_kind(error: str, bases: list[str]) -> None:
    for base in bases:
        kind = getattr(exceptions, base, None) or getattr(builtins, base)
        assert issubclass(getattr(exceptions, error), kind)
