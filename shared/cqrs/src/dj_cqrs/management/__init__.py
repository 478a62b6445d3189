"""Management commands: they parse arguments and call one function."""
