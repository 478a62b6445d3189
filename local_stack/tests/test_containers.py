"""What the containers of the services may do, as docker-compose.yml and the Dockerfiles say it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_stack.stack import secret_files
from local_stack.stack.environment import SECRETS, TOKEN_HASHES

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("master_service", "replica_service", "notifier_service")
#: Not ours: images that others make, with data to write.
SERVERS = {"rabbitmq", "master-db", "replica-db"}


def compose(name: str = "docker-compose.yml") -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_containers_of_services_have_no_more_rights_than_they_need() -> None:
    containers = {n: c for n, c in compose()["services"].items() if n not in SERVERS}

    assert len(containers) > len(SERVICES)
    for name, container in containers.items():
        assert container["read_only"] is True, name
        assert container["cap_drop"] == ["ALL"], name
        assert container["security_opt"] == ["no-new-privileges:true"], name
        assert container["tmpfs"] == ["/tmp"], name
        assert "privileged" not in container, name
        assert "volumes" not in container, name


def test_nothing_is_published_beyond_this_machine() -> None:
    ports = [p for c in compose()["services"].values() for p in c.get("ports", ())]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("service", SERVICES)
def test_images_run_as_nobody_and_hold_no_tools(service: str) -> None:
    text = (ROOT / service / "Dockerfile").read_text()
    _, build, final = re.split(r"^FROM ", text, flags=re.MULTILINE)

    assert build.startswith("python:${PYTHON_VERSION}-slim AS build\n")
    assert final.startswith("python:${PYTHON_VERSION}-slim\n")
    assert re.search(r"^ARG PYTHON_VERSION=3\.\d+$", text, flags=re.MULTILINE)
    assert re.search(r"^RUN useradd .*--uid 10001 .*nologin service$", final, flags=re.MULTILINE)
    assert re.search(r"^USER service$", final, flags=re.MULTILINE)
    assert not re.search(r"apt-get|pip install|^(ARG|ENV) .*(SECRET|PASSWORD|TOKEN)", final)


def test_no_secret_stays_in_a_variable_with_tls() -> None:
    base, over = compose()["services"], compose("docker-compose.tls.yml")
    secret = re.compile(rf"\$\{{({'|'.join([*SECRETS, TOKEN_HASHES])})\b")

    for name in set(base) - SERVERS:
        merged = {**base[name]["environment"], **over["services"][name]["environment"]}
        kept = {variable for variable, value in merged.items() if secret.search(str(value))}
        assert not kept, name
        assert merged["CQRS_URL"].startswith("amqps://"), name
        files = [v for k, v in merged.items() if k.endswith("_FILE")]
        given = {f"/run/secrets/{secret}" for secret in over["services"][name]["secrets"]}
        assert set(files) == given, name


def test_make_secrets_writes_every_file_that_tls_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*SECRETS, TOKEN_HASHES):
        monkeypatch.delenv(name, raising=False)

    secret_files.write(tmp_path)
    certificate = (tmp_path / ".stack/secrets/broker.pem").read_bytes()
    secret_files.write(tmp_path)

    for secret in compose("docker-compose.tls.yml")["secrets"].values():
        assert (tmp_path / secret["file"]).read_text().strip()
    assert (tmp_path / ".stack/secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".stack/secrets/broker.pem").read_bytes() == certificate
