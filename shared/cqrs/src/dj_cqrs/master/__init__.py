"""Everything that a master does: from a changed row to a message in the outbox."""
