"""The Django app of a replica: what it knows of every key, and its parked messages."""
