"""Nothing on the way of a message unpickles, imports or runs what the message says."""

import ast
import base64
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Exchange
from pytest_django import Settings

import dj_cqrs
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.transport import KombuTransport
from dj_cqrs.transport.base import Delivery
from local_stack.servers import Server
from tests.app.replica_models import Item
from tests.replica.conftest import _forgetful_models
from tests.replica.support import save
from tests.transport.kombu_settings import fresh_settings
from tests.transport.messages import receive

__all__ = ["_forgetful_models"]

pytestmark = pytest.mark.django_db(transaction=True)

_SOURCE = Path(dj_cqrs.__file__).parent


class Canary:
    """An object that leaves a file behind when somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


class Watch:
    """Python's own word on what was unpickled, imported or run.

    Not on what was compiled: tracebacks parse the source lines that they show.
    """

    events = frozenset({"import", "pickle.find_class", "exec", "marshal.loads"})

    def __init__(self) -> None:
        self.is_on = False
        self.seen: list[tuple[str, str]] = []
        sys.addaudithook(self)  # for good: there is no way to remove one

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_on and event in self.events:
            self.seen.append((event, str(arguments)[:200]))


@pytest.fixture(scope="session")
def installed_watch() -> Watch:
    return Watch()


@pytest.fixture
def watch(installed_watch: Watch) -> Iterator[Watch]:
    installed_watch.seen.clear()
    yield installed_watch
    installed_watch.is_on = False


def _hostile(pickled: bytes) -> dict[str, bytes]:
    fine = json.loads(save(0, name="x").body)
    reducing = {"py/object": "os.system", "py/reduce": [{"py/function": "os.system"}]}
    return {
        "a pickle": pickled,
        "a pickle in text": json.dumps(base64.b64encode(pickled).decode()).encode(),
        "a module as model": json.dumps(fine | {"cqrs_id": "tabnanny.check"}).encode(),
        "code as signal": json.dumps(fine | {"signal_type": "__import__('tabnanny')"}).encode(),
        "an object as data": json.dumps(fine | {"instance_data": reducing}).encode(),
        "an object as value": json.dumps(
            fine | {"instance_data": fine["instance_data"] | {"name": reducing}}
        ).encode(),
        "a class as meta": json.dumps(
            fine | {"meta": {"__class__": "tabnanny.NannyNag"}}
        ).encode(),
        "a tag of YAML": b"!!python/object/apply:os.system ['true']",
    }


@pytest.mark.parametrize("applier", [InboxApplier, PlainApplier])
def test_no_body_makes_the_worker_import_or_run_anything(
    tmp_path: Path, watch: Watch, applier: Callable[[], Any]
) -> None:
    pickled = pickle.dumps(Canary(tmp_path / "canary"))
    bodies = _hostile(pickled)

    def apply_all() -> None:
        raws = [RawMessage(body, "item", {}) for body in bodies.values()]
        deliveries = [
            Delivery(raw.body, raw.routing_key, {"content-type": "pickle"}, False, tag)
            for tag, raw in enumerate(raws)
        ]
        list(applier().apply(deliveries))

    apply_all()  # what the library and Django import when they are first used
    watch.is_on = True
    apply_all()
    watch.is_on = False

    assert watch.seen == []
    assert not (tmp_path / "canary").exists()
    assert "tabnanny" not in sys.modules


def test_the_watch_sees_what_it_is_there_for(tmp_path: Path, watch: Watch) -> None:
    pickled = pickle.dumps(Canary(tmp_path / "canary"))
    watch.is_on = True
    pickle.loads(pickled)
    exec("1")
    watch.is_on = False
    assert (tmp_path / "canary").exists()
    assert {event for event, _ in watch.seen} >= {"pickle.find_class", "exec"}


def _check_that_kombu_unpickles_nothing(url: str, tmp_path: Path, settings: Settings) -> None:
    """A sender with Kombu says that its body is a pickle, and compresses another one."""
    settings.CQRS = fresh_settings(url)
    options = settings.CQRS.get("transport_options", {})
    consumer = KombuTransport.consumer(["item"])
    canary = Canary(tmp_path / "canary")
    try:
        with Connection(url, transport_options=options) as connection:
            producer = connection.Producer(
                exchange=Exchange(settings.CQRS["exchange"], type="topic"), routing_key="item"
            )
            producer.publish(canary, serializer="pickle")
            producer.publish(canary, serializer="pickle", compression="zlib")
            fine = save(0, name="fine").body.decode()
            producer.publish(fine, content_type="text/plain", content_encoding="utf-8")
        deliveries = receive(consumer, 3)
        for settlement in InboxApplier().apply(deliveries):
            settlement.settle(consumer)
    finally:
        consumer.close()
    assert not canary.path.exists()
    assert Item.objects.get().name == "fine"


def test_kombu_unpickles_nothing_that_comes_from_redis(
    redis: Server, tmp_path: Path, settings: Settings
) -> None:
    _check_that_kombu_unpickles_nothing(redis.url, tmp_path, settings)


def test_nor_from_rabbitmq(rabbitmq: Server, tmp_path: Path, settings: Settings) -> None:
    _check_that_kombu_unpickles_nothing(rabbitmq.url, tmp_path, settings)


def test_the_source_has_no_tools_for_it() -> None:
    """Names that only the settings and models of the service itself may be looked up by."""
    forbidden = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "yaml"}
    calls = {"eval", "exec", "compile", "__import__", "import_module"}
    lookups = {"conf.py", "transport/selection.py", "master/serialization.py"}
    for file in _SOURCE.rglob("*.py"):
        place = file.relative_to(_SOURCE).as_posix()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                assert forbidden.isdisjoint(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in forbidden, place
                assert not (node.module or "").startswith("kombu.serialization"), place
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in calls, place
                if node.func.id == "import_string":
                    assert place in lookups
