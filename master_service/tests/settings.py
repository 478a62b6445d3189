"""The service's own settings, with an environment for tests.

SQLite in memory by default. ``TEST_DATABASE=postgres`` runs the same tests on PostgreSQL: the
server of ``TEST_DATABASE_URL``, or one that the fixtures of local_stack start.
"""

import hashlib
import os

os.environ.setdefault("SECRET_KEY", "for-tests-only")
os.environ["API_TOKEN_HASHES"] = ",".join(
    hashlib.sha256(token).hexdigest() for token in (b"current-token", b"next-token")
)
# All tests come from one address, much faster than anybody types.
os.environ["THROTTLE_ADDRESS"] = ""
os.environ["ALLOWED_HOSTS"] = "testserver,localhost"

TEST_DATABASE_URL = os.environ.get("TEST_DATABASE_URL", "")
TEST_DATABASE = os.environ.get("TEST_DATABASE", "postgres" if TEST_DATABASE_URL else "sqlite")
if TEST_DATABASE == "postgres":
    # Without a URL the fixtures of local_stack fill it in.
    os.environ["DATABASE_URL"] = TEST_DATABASE_URL or "postgres://nobody@localhost/master"
else:
    os.environ["DATABASE_URL"] = "sqlite://:memory:"

from master_service.settings import *  # noqa: E402, F403

#: Hashing passwords slowly would only slow the tests of the admin.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
