"""Price drops: seen in the messages about tracks, sent on as notifications."""
