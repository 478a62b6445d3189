"""The two libraries, each in its own interpreter, on the two sides of one broker."""
