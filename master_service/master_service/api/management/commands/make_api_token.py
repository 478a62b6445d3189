"""``make_api_token``: a new token for whoever is to write, and its hash for this service."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand

from master_service.api.authentication import token_hash

#: Bytes of chance: nobody guesses 256 bits.
TOKEN_BYTES = 32


class Command(BaseCommand):
    """Prints both; keeps neither."""

    help = (
        "Makes a token. Give it to the client, and add its hash to API_TOKEN_HASHES; "
        "remove the hash of the old one when nobody uses that any more."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Makes one token."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self.stdout.write(f"token  {token}")
        self.stdout.write(f"hash   {token_hash(token.encode())}")
