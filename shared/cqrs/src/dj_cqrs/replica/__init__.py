"""Everything that a replica does: from a message to a row."""
