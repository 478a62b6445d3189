"""Playlists: named selections of tracks."""
