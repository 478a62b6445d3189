"""A service that runs on this library and on django-cqrs 3.1, word for word the same."""
