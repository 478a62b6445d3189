"""What ``full_clean`` checks row by row, for many new rows with one query a question."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import ForeignKey, Model

from master_service.errors import InvalidInputError

Item = Mapping[str, Any]
#: Index of an item, name of a field, what is wrong with it.
Problem = tuple[int, str, str]


def check_new_rows(*, model: type[Model], items: Sequence[Item]) -> None:
    """Checks that every parent exists and every unique value is free, in the list and outside.

    Raises:
        InvalidInputError: with the problems by index, then by field.
    """
    problems = [*_missing_parents(model, items), *_taken_values(model, items)]
    if not problems:
        return
    details: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for index, field, message in problems:
        details[str(index)][field].append(message)
    raise InvalidInputError(
        f"{len(details)} of {len(items)} items are not valid; nothing was written.",
        {index: dict(fields) for index, fields in details.items()},
    )


def _missing_parents(model: type[Model], items: Sequence[Item]) -> Iterator[Problem]:
    for field in model._meta.concrete_fields:
        if not isinstance(field, ForeignKey):
            continue
        parents = field.related_model._default_manager
        wanted = {item.get(field.attname) for item in items} - {None}
        found = set(parents.filter(pk__in=wanted).values_list("pk", flat=True))
        if field.related_model is model:
            found |= {item.get("id") for item in items}  # a tree may come in one list
        for index, item in enumerate(items):
            key = item.get(field.attname)
            if key is not None and key not in found:
                yield index, field.name, f"There is no {field.verbose_name} {key}."


def _taken_values(model: type[Model], items: Sequence[Item]) -> Iterator[Problem]:
    for attributes in _unique_sets(model):
        values = [tuple(item.get(attribute) for attribute in attributes) for item in items]
        taken = _stored(model, attributes, values)
        for index, value in enumerate(values):
            if None in value:
                continue  # a key that the database will choose
            if value in taken:
                yield index, attributes[-1], "It is taken already, here or earlier in the list."
            taken.add(value)


def _unique_sets(model: type[Model]) -> Iterator[tuple[str, ...]]:
    for field in model._meta.concrete_fields:
        if field.unique:
            yield (field.attname,)
    attributes = {field.name: field.attname for field in model._meta.concrete_fields}
    for constraint in model._meta.total_unique_constraints:
        yield tuple(attributes[name] for name in constraint.fields)


def _stored(
    model: type[Model], attributes: tuple[str, ...], values: Sequence[tuple[Any, ...]]
) -> set[tuple[Any, ...]]:
    first = attributes[0]
    candidates = {value[0] for value in values} - {None}
    rows = model._default_manager.filter(**{f"{first}__in": candidates})
    return set(rows.values_list(*attributes))
