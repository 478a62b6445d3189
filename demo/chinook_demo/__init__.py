"""`make demo`: the Chinook shop goes in at the master and is watched at the replica.

Talks HTTP only, and knows nothing of how the changes travel.
"""
