"""What the commands have in common: models, filters and numbers from the command line."""

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.core.management.base import CommandError
from django.db import router
from django.db.models import QuerySet

from dj_cqrs.management import pipes
from dj_cqrs.registries import MasterRegistry, ReplicaRegistry
from dj_cqrs.replica import hooks, mapping

#: Rows that a command handles at once, unless it is told otherwise.
DEFAULT_BATCH_SIZE = 10_000

_WORDS = {
    **dict.fromkeys(("true", "1", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "0", "no", "n", "off"), False),
}


def add_batch(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Declares ``--batch``.

    Args:
        parser: of the command.
        meaning: what is handled at once, for its help.
    """
    parser.add_argument(
        *("--batch", "-b"),
        type=positive,
        default=DEFAULT_BATCH_SIZE,
        help=f"{meaning} (default: %(default)s)",
    )


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Declares ``--filter`` of a command that handles all rows without it."""
    parser.add_argument(
        "--filter", "-f", help="JSON object of filter arguments (default: all rows)"
    )


def master_model(cqrs_id: str) -> Any:
    """The master model with that ``CQRS_ID``.

    Raises:
        CommandError: there is none.
    """
    return _registered(MasterRegistry.models, cqrs_id)


def replica_model(cqrs_id: str) -> Any:
    """The replica model (or plain class) with that ``CQRS_ID``.

    Raises:
        CommandError: there is none.
    """
    return _registered(ReplicaRegistry.models, cqrs_id)


def master_keys(model: Any, items: Iterable[pipes.Item]) -> dict[Any, int | None]:
    """The revisions in a list of a diff, by the key as the model has it.

    Raises:
        CommandError: something is no key of the model.
    """
    keys: dict[Any, int | None] = {}
    for item in items:
        try:
            keys[model._meta.pk.to_python(item.pk)] = item.revision
        except (ValidationError, TypeError, ValueError, OverflowError) as error:
            reason = " ".join(getattr(error, "messages", [str(error)]))
            raise pipes.wrong_key(item, model, reason) from error
    return keys


def check_replica_keys(model: Any, items: Iterable[pipes.Item]) -> None:
    """Looks whether a list of a diff may be about this replica model.

    Only where the library finds the rows: hooks may key them by anything.

    Raises:
        CommandError: something is no key of the model.
    """
    if not hooks.is_written_by_us(model, "cqrs_save"):
        return
    for item in items:
        try:
            mapping.to_python(model._meta.pk, item.pk)
        except mapping.MappingError as error:
            raise pipes.wrong_key(item, model, error) from error


def rows_of(model: Any) -> "QuerySet[Any]":
    """The model's rows, read from the database that they are written to."""
    rows: QuerySet[Any] = model._default_manager.using(router.db_for_write(model))
    return rows.order_by("pk")


def filtered(queryset: "QuerySet[Any]", text: str | None) -> "QuerySet[Any]":
    """The rows that a JSON object of filter arguments matches, each once; none without a text.

    Raises:
        CommandError: the text is no JSON object, or no filter of this model.
    """
    if not text:
        return queryset.none()
    try:
        arguments = json.loads(text)
    except (TypeError, ValueError) as error:
        raise CommandError(f"Bad filter kwargs! {error}") from error
    if not isinstance(arguments, dict):
        raise CommandError("Bad filter kwargs! It must be a JSON object.")
    try:
        rows = queryset.filter(**arguments)
    except (FieldError, ValidationError, TypeError, ValueError) as error:
        raise CommandError(f"Bad filter kwargs! {error}") from error
    if len(rows.query.alias_map) > 1:
        # A filter over a relation to many rows finds a row once for each of them.
        return queryset.filter(pk__in=rows.order_by().values("pk"))
    return rows


def positive(text: str | int) -> int:
    """A whole number of at least 1, for ``add_argument(type=positive)``.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1.")
    return number


def batch_size(options: Mapping[str, Any]) -> int:
    """The option ``batch``, which a caller in Python may leave out.

    Raises:
        CommandError: it is less than 1.
    """
    try:
        return positive(options.get("batch", DEFAULT_BATCH_SIZE))
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"Bad batch size! {error}") from error


def boolean(text: str | bool) -> bool:
    """A word for yes or no, for ``add_argument(type=boolean)``; "false" is false.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if isinstance(text, bool):
        return text
    try:
        return _WORDS[text.strip().lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false.") from None


def _registered(models: dict[str, Any], cqrs_id: str) -> Any:
    model = models.get(cqrs_id)
    if model is None:
        raise CommandError(f"Wrong CQRS ID: {cqrs_id}!")
    return model
