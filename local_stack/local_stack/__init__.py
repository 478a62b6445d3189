"""Real servers without ceremony: for the tests of this repository and for `make up`.

Knows nothing of Django and of the services; it starts processes and containers.
"""
