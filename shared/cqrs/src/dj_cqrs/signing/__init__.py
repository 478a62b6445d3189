"""Signed messages: whoever may write to a queue must not be able to write to our rows.

``signature`` is what is computed, ``keys`` and ``sources`` are the settings, ``messages`` is what
publishers and consumers call.
"""
