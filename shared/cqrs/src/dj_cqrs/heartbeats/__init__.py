"""Signs of life that relays and workers leave, so that others can see whether they get on.

The loop that does the work gives them, no thread beside it: a process that hangs in a hook or
waits for a lock falls silent, and that is what is looked for.
"""
