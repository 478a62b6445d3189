"""Master models of the tests."""
