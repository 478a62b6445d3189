"""Calling a model's hooks for one message, with errors instead of falsy results."""

from typing import Any

from dj_cqrs.constants import SignalType
from dj_cqrs.exceptions import CQRSError, PermanentError
from dj_cqrs.replica import mapping
from dj_cqrs.replica.manager import ReplicaManager, delete_key
from dj_cqrs.replica.message import Message
from dj_cqrs.replica.read_only import applying

_OWN_MODULE = "dj_cqrs.mixins"
_HOOKS = ("cqrs_save", "cqrs_create", "cqrs_update", "cqrs_delete")


class HookError(CQRSError):
    """Raised when a hook did not do its work, though it raised no ordinary exception."""


class ExpiredError(PermanentError):
    """Raised when a message has come too late to be of use."""


def is_default(model: Any, hook: str) -> bool:
    """Whether the model has the library's own hook of that name.

    By the function's module, since the mixins cannot be imported here (they import this package).
    """
    function = getattr(model, hook)
    return bool(getattr(function, "__func__", function).__module__ == _OWN_MODULE)


def has_default_hooks(model: Any) -> bool:
    """Whether nothing but the library decides how this model is written."""
    own_manager = type(getattr(model, "cqrs", None)) is ReplicaManager
    return own_manager and all(is_default(model, hook) for hook in _HOOKS)


def is_written_by_us(model: Any, hook: str) -> bool:
    """Whether the library finds the row itself for that hook, by the master's key."""
    has_own_manager = type(getattr(model, "cqrs", None)) is not ReplicaManager
    return is_default(model, hook) and not (has_own_manager or model.CQRS_NO_DB_OPERATIONS)


def call(message: Message) -> Any:
    """Calls the hooks that write one message. Whether it is news has been decided already.

    Returns:
        What the hook returned; never falsy.

    Raises:
        Exception: whatever the hook raises; the message is not applied then.
    """
    hook = _delete if message.is_delete else _save
    with applying():
        try:
            result = hook(message)
        except Exception:
            raise
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except SystemExit as error:
            raise HookError(f"The hook called sys.exit({error.code!r}).") from error
        except BaseException as error:
            # A cancelled task, a timeout of gevent: none of them may end the worker.
            raise HookError(f"The hook was ended by {error!r}.") from error
    if not result:
        name = "cqrs_delete" if message.is_delete else "cqrs_save, cqrs_create or cqrs_update"
        raise HookError(f"{name} of {message.model.__name__} returned {result!r}.")
    return result


def call_in_time(message: Message) -> Any:
    """Calls the hooks of a model without database operations, unless the message has expired.

    Only there: the state of a row is wanted however late it comes, a notification is not. What
    somebody retries by hand is wanted nonetheless.

    Returns:
        What the hook returned; never falsy.

    Raises:
        ExpiredError: it is too late.
        Exception: whatever the hook raises.
    """
    if message.payload.is_expired() and not message.raw.is_retried_by_hand:
        raise ExpiredError(f"expired at {message.payload.expires}")
    return call(message)


def _save(message: Message) -> Any:
    model, payload = message.model, message.payload
    is_sync = message.signal_type is SignalType.SYNC
    if not is_written_by_us(model, "cqrs_save"):
        kwargs = {"sync": True} if is_sync else {}
        return model.cqrs_save(
            payload.instance_data, previous_data=payload.previous_data, **kwargs, **_meta(message)
        )
    mapped = mapping.map_instance_data(model, payload.instance_data)
    previous = mapping.map_previous_data(model, payload.previous_data)
    instance = model.cqrs.find(mapped[model._meta.pk.name])
    if instance is None:
        return model.cqrs.call_create(mapped, previous, is_sync, payload.meta)
    return model.cqrs.call_update(instance, mapped, previous, is_sync, payload.meta)


def _delete(message: Message) -> Any:
    model, payload = message.model, message.payload
    if not is_written_by_us(model, "cqrs_delete"):
        return model.cqrs_delete(payload.instance_data, **_meta(message))
    return model.cqrs.call_delete(delete_key(model, payload.instance_data))


def _meta(message: Message) -> dict[str, Any]:
    return {"meta": message.payload.meta} if message.model.CQRS_META else {}
