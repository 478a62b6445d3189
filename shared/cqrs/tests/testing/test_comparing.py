"""``assert_in_sync``, used as users use it."""

import pytest

from dj_cqrs.testing import assert_in_sync, captured_messages, deliver, replicate
from tests.app.master_models import Author, Note
from tests.app.replica_models import AuthorCopy, NoteCopy


@pytest.mark.django_db
class TestComparing:
    def test_rows_and_fields_that_differ_are_named(self) -> None:
        with captured_messages() as messages:
            same, changed, missing = (
                Author.objects.create(name=name) for name in ("same", "changed", "missing")
            )
        deliver(messages[:2])
        AuthorCopy.objects.filter(pk=changed.pk).update(name="by hand")
        AuthorCopy.objects.create(
            id=99, name="nobody", cqrs_revision=0, cqrs_updated=same.cqrs_updated
        )

        with pytest.raises(AssertionError) as caught:
            assert_in_sync(Author, AuthorCopy)

        assert str(caught.value) == (
            "AuthorCopy is not in sync with Author:\n"
            f"  missing in the replica: {missing.pk}\n"
            "  only in the replica: 99\n"
            f"  different:\n    {changed.pk}: name is 'by hand', the master has 'changed'"
        )

    def test_mapping_and_rows_that_stay_at_home_are_known(self) -> None:
        with replicate():
            Note.objects.create(text="public")
            Note.objects.create(text="private", is_public=False)

        assert_in_sync(Note, NoteCopy)
        assert NoteCopy.objects.count() == 1

    def test_only_some_fields_may_be_compared(self) -> None:
        with replicate():
            author = Author.objects.create(name="Lem")
        AuthorCopy.objects.filter(pk=author.pk).update(cqrs_revision=5)

        assert_in_sync(Author, AuthorCopy, fields=["name"])
        with pytest.raises(AssertionError, match="cqrs_revision is 5, the master has 0"):
            assert_in_sync(Author, AuthorCopy)
        with pytest.raises(ValueError, match="has no fields nam"):
            assert_in_sync(Author, AuthorCopy, fields=["nam"])

    def test_a_long_list_is_cut(self) -> None:
        for number in range(12):
            Author.objects.create(name=str(number))

        with pytest.raises(AssertionError, match=r", and 2 more$"):
            assert_in_sync(Author, AuthorCopy)
