#!/usr/bin/env python
"""Command line of the replica service."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "replica_service.settings")
    execute_from_command_line(sys.argv)
