"""Commands of the master."""
