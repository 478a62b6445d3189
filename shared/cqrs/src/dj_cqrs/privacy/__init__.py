"""``CQRS_PRIVATE_FIELDS``: values that no log, reason, traceback or page of the admin may hold.

``fields`` says which they are, ``masking`` (pure) takes them out of data and text, ``telling`` is
what everybody calls who has something to tell people.
"""
