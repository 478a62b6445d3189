"""Playlists, to browse."""
