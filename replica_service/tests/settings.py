"""The service's own settings, with an environment for tests."""

import os

os.environ.setdefault("SECRET_KEY", "for-tests-only")
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL") or "sqlite://:memory:"
os.environ["CQRS_QUEUE"] = "storefront"

from replica_service.settings import *  # noqa: F403

#: Hashing passwords slowly would only slow the tests of the admin.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
