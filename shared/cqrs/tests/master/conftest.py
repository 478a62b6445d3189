"""Fixtures of the recording tests."""

import pytest

from tests.app.master_models import Author
from tests.master import outbox_reader


@pytest.fixture
def author(transactional_db: None) -> Author:
    """An author at revision 0 whose creation was taken from the outbox."""
    author = Author.objects.create(name="Lem")
    outbox_reader.take()
    return author
