"""Which transport the settings name."""

from typing import Any

from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.functional import SimpleLazyObject, empty
from django.utils.module_loading import import_string

from dj_cqrs import conf
from dj_cqrs.exceptions import ConfigurationError, TransportImportError
from dj_cqrs.transport.base import BaseTransport


def transport_class() -> type[BaseTransport]:
    """Imports the transport that ``CQRS['transport']`` names, as the settings are now.

    Raises:
        ConfigurationError: it is not set, cannot be imported, or is no transport.
    """
    return load_transport(conf.config().transport)


def load_transport(path: str) -> type[BaseTransport]:
    """Imports a transport.

    Raises:
        ConfigurationError: there is no path, it cannot be imported, or it leads to no transport.
    """
    if not path:
        raise ConfigurationError("CQRS transport is not set.")
    try:
        transport = import_string(path)
    except ImportError as error:
        raise TransportImportError(
            f"CQRS transport {path!r} cannot be imported: {error}"
        ) from error
    if not (isinstance(transport, type) and issubclass(transport, BaseTransport)):
        raise ConfigurationError(
            "CQRS transport must be inherited from `dj_cqrs.transport.BaseTransport`."
        )
    return transport


_lazy: Any = SimpleLazyObject(transport_class)
#: The transport of the settings; looked up when it is first used, and after a change.
current_transport: type[BaseTransport] = _lazy


@receiver(setting_changed)
def _look_again(*, setting: str, **_: Any) -> None:
    """``override_settings`` changes the transport too."""
    if setting == "CQRS":
        _lazy.__dict__["_wrapped"] = empty
