"""Which statement took too long: kept and logged where ``CQRS_LOG_TIMED_OUT_QUERIES`` is set."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db import OperationalError, connections, router

from dj_cqrs import conf, constants, timeouts


class LastQueryCapturer:
    """Remembers the last statement of a connection, without its parameters: they are data."""

    def __init__(self) -> None:
        self.query: str | None = None
        #: After a failure a savepoint is rolled back, which is a statement too.
        self.failed_query: str | None = None

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """Notes the statement and lets it go on.

        Returns:
            What the execution returned: others build on it.
        """
        self.query = sql
        try:
            return execute(sql, params, many, context)
        except OperationalError:
            self.failed_query = sql
            raise


def install_last_query_capturer(model_cls: Any) -> None:
    """Remembers the last statement on the connection of a model from now on."""
    using = _database(model_cls)
    if using is not None and _capturer_of(using) is None:
        connections[using].execute_wrappers.append(LastQueryCapturer())


def log_timed_out_queries(error: BaseException, model_cls: Any) -> None:
    """Logs the statement that took too long, if that is what the error says."""
    using = _database(model_cls)
    capturer = None if using is None else _capturer_of(using)
    if capturer is not None and isinstance(error, OperationalError) and timeouts.is_timeout(error):
        _log(capturer.failed_query or capturer.query)


def timed_out_queries_logged(using: str) -> AbstractContextManager[Any]:
    """Within it, a statement that takes too long is logged before its error goes on."""
    return connections[using].execute_wrapper(_logged) if _is_on(using) else nullcontext()


def _logged(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    try:
        return execute(sql, params, many, context)
    except OperationalError as error:
        if timeouts.is_timeout(error):
            _log(sql)
        raise


def _log(query: str | None) -> None:
    name = conf.config().replica.query_logger
    logging.getLogger(name).error("Timed out query:\n%s", query)


def _is_on(using: str) -> bool:
    vendors = constants.SUPPORTED_TIMEOUT_DB_VENDORS
    return conf.config().replica.log_timed_out_queries and connections[using].vendor in vendors


def _database(model_cls: Any) -> str | None:
    """The alias of a model whose statements are watched, or None."""
    if model_cls.CQRS_NO_DB_OPERATIONS:
        return None
    using: str = router.db_for_write(model_cls)
    return using if _is_on(using) else None


def _capturer_of(using: str) -> LastQueryCapturer | None:
    wrappers = connections[using].execute_wrappers
    return next((each for each in wrappers if isinstance(each, LastQueryCapturer)), None)
