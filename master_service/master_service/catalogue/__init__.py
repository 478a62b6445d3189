"""The catalogue: artists, albums, genres, media types, tracks and the history of their prices."""
