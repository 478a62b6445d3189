"""Writes authors in rounds: some are renamed, some are deleted, some come back."""

import sys

import django


def main(first: int, last: int) -> None:
    """One transaction for each author and round."""
    django.setup()
    from tests.app.master_models import Author

    for number in range(first, last):
        author = Author.objects.create(id=number, name=f"author {number}")
        if number % 2:
            author.name = f"renamed {number}"
            author.save()
        if number % 5 == 0:
            author.delete()
        if number % 10 == 0:
            Author.objects.create(id=number, name=f"again {number}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
