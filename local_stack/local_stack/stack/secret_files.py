"""What docker-compose.tls.yml needs: secrets as files, and certificates for the broker."""

from pathlib import Path

from local_stack.certificates import Authority
from local_stack.stack import environment

#: Files of secrets, and the variables of `.env` that they hold.
_OF_ENVIRONMENT = {
    "master-secret-key": "MASTER_SECRET_KEY",
    "replica-secret-key": "REPLICA_SECRET_KEY",
    "api-token-hashes": environment.TOKEN_HASHES,
    "master-db-password": "MASTER_DB_PASSWORD",
    "replica-db-password": "REPLICA_DB_PASSWORD",
    "master-broker-password": "RABBITMQ_MASTER_PASSWORD",
    "replica-broker-password": "RABBITMQ_REPLICA_PASSWORD",
    "notifier-broker-password": "RABBITMQ_NOTIFIER_PASSWORD",
    "signing-keys": "CQRS_SIGNING_KEYS",
}
#: Who trusts the broker has to be told again after that.
_DAYS = 365
_BROKER_NAMES = "DNS:rabbitmq,DNS:localhost"


def write(root: Path) -> None:
    """Write all files anew from `.env`; certificates are made once, and kept."""
    settings = environment.load(root)
    directory = settings.directory / "secrets"
    directory.mkdir(parents=True, exist_ok=True)
    # Nobody else gets in here. The files are bound into containers one by one, where other users
    # have to read them.
    directory.chmod(0o700)
    for name, variable in _OF_ENVIRONMENT.items():
        (directory / name).write_text(f"{settings[variable]}\n")
    if not (directory / "broker.pem").exists():
        Authority(directory, days=_DAYS).sign("broker", alternative_names=_BROKER_NAMES)
    for path in directory.iterdir():
        path.chmod(0o644)
    print(
        f"secrets and certificates are in {directory}; with them\n"
        "  COMPOSE_FILE=docker-compose.yml:docker-compose.tls.yml make up"
    )
