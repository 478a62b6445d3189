"""The master's half: the models that are written to, and scripts that write."""
