"""Tells the world when a track becomes cheaper. It keeps nothing, and so it has no database."""
