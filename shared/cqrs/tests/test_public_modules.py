"""What users import, with the values that the contract gives it."""

import importlib
from typing import Any

import pytest

from dj_cqrs import constants
from dj_cqrs.constants import SignalType
from dj_cqrs.mixins import MasterMixin, RawMasterMixin, RawReplicaMixin, ReplicaMixin

_PUBLIC = {
    "dj_cqrs.admin": {"CQRSAdminMasterSyncMixin"},
    "dj_cqrs.correlation": {"get_correlation_id"},
    "dj_cqrs.dataclasses": {"TransportPayload"},
    "dj_cqrs.health": {"Check", "Report", "answer", "livez", "readyz", "report"},
    "dj_cqrs.managers": {"MasterManager", "ReplicaManager"},
    "dj_cqrs.metas": {"MasterMeta", "ReplicaMeta"},
    "dj_cqrs.mixins": {"MasterMixin", "RawMasterMixin", "RawReplicaMixin", "ReplicaMixin"},
    "dj_cqrs.registries": {"MasterRegistry", "ReplicaRegistry"},
    "dj_cqrs.signals": {"MasterSignals", "post_bulk_create", "post_update"},
    "dj_cqrs.state": {"cqrs_state"},
    "dj_cqrs.testing": {
        "DeliveryError",
        "Message",
        "assert_in_sync",
        "captured_messages",
        "deliver",
        "payload",
        "replicate",
    },
    "dj_cqrs.tracker": {"CQRSTracker"},
    "dj_cqrs.utils": {
        "apply_query_timeouts",
        "bulk_relate_cqrs_serialization",
        "get_delay_queue_max_size",
        "get_json_valid_value",
        "get_message_expiration_dt",
        "get_messages_prefetch_count_per_worker",
    },
}

_CONSTANTS = {
    "ALL_BASIC_FIELDS": "__all__",
    "FIELDS_TRACKER_FIELD_NAME": "__fields_tracker",
    "TRACKED_FIELDS_ATTR_NAME": "__tracked_fields",
    "NO_QUEUE": "None",
    "DEFAULT_DEAD_MESSAGE_TTL": 864_000,
    "DEFAULT_MASTER_AUTO_UPDATE_FIELDS": False,
    "DEFAULT_MASTER_MESSAGE_TTL": 86_400,
    "DEFAULT_REPLICA_MAX_RETRIES": 30,
    "DEFAULT_REPLICA_RETRY_DELAY": 2,
    "DEFAULT_REPLICA_DELAY_QUEUE_MAX_SIZE": 1000,
    "DB_VENDOR_PG": "postgresql",
    "DB_VENDOR_MYSQL": "mysql",
    "SUPPORTED_TIMEOUT_DB_VENDORS": {"postgresql", "mysql"},
    "PG_TIMEOUT_FLAG": "statement timeout",
    "MYSQL_TIMEOUT_ERROR_CODE": 3024,
}


@pytest.mark.parametrize(("name", "names"), _PUBLIC.items(), ids=_PUBLIC)
def test_a_public_module_offers_its_names(name: str, names: set[str]) -> None:
    module = importlib.import_module(name)
    found: dict[str, Any] = {}
    exec(f"from {name} import *", found)

    assert set(module.__all__) == names
    assert names <= found.keys()


@pytest.mark.parametrize(("name", "value"), _CONSTANTS.items(), ids=_CONSTANTS)
def test_constants_have_the_values_of_the_contract(name: str, value: Any) -> None:
    assert getattr(constants, name) == value


def test_signal_types_are_their_own_text() -> None:
    assert (SignalType.SAVE, SignalType.DELETE, SignalType.SYNC) == ("SAVE", "DELETE", "SYNC")
    assert f"{SignalType.SAVE}" == "SAVE"


def test_mixins_have_the_defaults_of_the_contract() -> None:
    for mixin in (RawMasterMixin, MasterMixin):
        assert mixin.CQRS_ID is None
        assert mixin.CQRS_PRODUCE is True
        assert mixin.CQRS_FIELDS == "__all__"
        assert mixin.CQRS_SERIALIZER is None
        assert mixin.CQRS_TRACKED_FIELDS is None
    for receiver in (RawReplicaMixin, ReplicaMixin):
        assert receiver.CQRS_ID is None
        assert receiver.CQRS_META is False
        assert receiver.CQRS_ONLY_DIRECT_SYNCS is False
    assert RawReplicaMixin.CQRS_NO_DB_OPERATIONS is True
    assert ReplicaMixin.CQRS_NO_DB_OPERATIONS is False
    assert ReplicaMixin.CQRS_MAPPING is None
    assert ReplicaMixin.CQRS_CUSTOM_SERIALIZATION is False
    assert ReplicaMixin.CQRS_SELECT_FOR_UPDATE is False
