"""The replica's half: what it keeps of the master's rows."""
