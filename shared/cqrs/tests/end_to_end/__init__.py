"""A service with real processes: a relay, workers, and somebody who writes."""
