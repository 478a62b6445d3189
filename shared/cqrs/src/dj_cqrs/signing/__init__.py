"""Signed messages: whoever may write to a queue must not be able to write to our rows.

``signature`` is what is computed, ``keys`` the keys of the settings, ``messages`` what publishers
and consumers call.
"""
