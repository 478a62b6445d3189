"""Secrets of the environment, which may also come from files, as Docker and Kubernetes give them.

What is in a file is not in the environment: child processes, crash reports and `docker inspect`
show that to too many. Every service has this module, so that each can be copied alone; a test
keeps the copies equal.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

#: Several URLs, one for each node of a broker, are separated by commas.
_NEXT_URL = re.compile(r",\s*(?=\w+://)")


def with_secret_files(variables: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Completes variables with the secrets whose files they name.

    Args:
        variables: the environment.
        names: secrets; for each, ``NAME_FILE`` may name the file that holds ``NAME``.

    Raises:
        ImproperlyConfigured: a secret is given twice, or its file cannot be read or is empty.
    """
    from_files = {name: _read(name, variables) for name in names if variables.get(f"{name}_FILE")}
    return {**variables, **from_files}


def with_password(variables: Mapping[str, str], url_name: str, password_name: str) -> str:
    """The URL of a server (or several), with the password where that is a variable of its own.

    The password may hold any character; in a URL it would have to be percent-encoded.

    Returns:
        "" where there is no URL.

    Raises:
        ImproperlyConfigured: the URL names no user, or has a password as well.
    """
    url, password = variables.get(url_name, ""), variables.get(password_name, "")
    if not password:
        return url
    urls = _NEXT_URL.split(url)
    return ",".join(_one_with_password(one, url_name, password, password_name) for one in urls)


def _one_with_password(url: str, url_name: str, password: str, password_name: str) -> str:
    parts = urlsplit(url)
    user, colon, _ = parts.netloc.rpartition("@")[0].partition(":")
    if not user:
        raise ImproperlyConfigured(
            f"{password_name} is set, but {url_name} names no user: scheme://user@host/..."
        )
    if colon:
        raise ImproperlyConfigured(
            f"{password_name} is set, but {url_name} has a password too: remove it from there."
        )
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def required(variables: Mapping[str, str], name: str) -> str:
    """A secret as it is: django-environ takes "$word" for the name of another variable.

    Raises:
        ImproperlyConfigured: there is none.
    """
    value = variables.get(name, "")
    if not value:
        raise ImproperlyConfigured(f"Set the {name} environment variable, or {name}_FILE.")
    return value


def _read(name: str, variables: Mapping[str, str]) -> str:
    path = variables[f"{name}_FILE"]
    if variables.get(name):
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: remove one of them.")
    try:
        value = Path(path).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, ValueError) as error:
        # The text of a ValueError may quote what is in the file.
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ImproperlyConfigured(f"{name}_FILE={path} cannot be read: {reason}.") from None
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE={path} is empty: it must hold {name}.")
    return value
