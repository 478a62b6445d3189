"""An error of the tests' own, which nothing else raises."""


class OopsError(Exception):
    """Raised to roll a block back."""
