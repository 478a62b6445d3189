"""Certificates: an authority of one's own, and what it signs. Made with openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from local_stack.errors import ServerFailedError


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSListener:
    """Where and as whom a server speaks TLS.

    Attributes:
        port: Where it speaks TLS.
        ca_file: The authority whose client certificates the server trusts.
        asks_clients: Whether a client without a certificate is refused.
    """

    port: int
    ca_file: Path
    cert_file: Path
    key_file: Path
    asks_clients: bool = False


class Authority:
    """Signs certificates. Nobody trusts it who was not told to."""

    def __init__(self, directory: Path, name: str = "authority", *, days: int = 2) -> None:
        """Make the authority.

        Args:
            directory: Where the files go; it exists.
            name: Tells authorities in one directory apart.
            days: How long it and its certificates are valid; short, for tests.

        Raises:
            ServerFailedError: openssl is missing or failed.
        """
        self._directory = directory
        self._days = str(days)
        self._own = Certificate(directory / f"{name}.pem", directory / f"{name}.key")
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", self._days, "-subj", f"/CN={name}"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-keyout", str(self._own.key_file), "-out", str(self._own.cert_file)),
        )

    @property
    def ca_file(self) -> Path:
        """What those need who are to trust it."""
        return self._own.cert_file

    def sign(self, name: str, *, alternative_names: str) -> Certificate:
        """Make a certificate.

        Args:
            name: Of the files, and of whom it is for.
            alternative_names: As openssl writes them: `DNS:localhost,IP:127.0.0.1`.
        """
        made = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        request = self._directory / f"{name}.csr"
        extensions = self._directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative_names}\n")
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={name}", "-keyout", str(made.key_file), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-days", self._days, "-in", str(request)),
            *("-out", str(made.cert_file)),
            *("-CA", str(self._own.cert_file), "-CAkey", str(self._own.key_file)),
            *("-CAcreateserial", "-extfile", str(extensions)),
        )
        return made


def _openssl(*arguments: str) -> None:
    command = ["openssl", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError as error:
        raise ServerFailedError("openssl is not on PATH") from error
    if done.returncode != 0:
        raise ServerFailedError(f"{' '.join(command)} failed:\n{done.stderr}")
