"""A service without a database, for tests that start real consuming processes."""
