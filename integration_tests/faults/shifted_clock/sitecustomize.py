"""Imported by Python itself when it starts, where `faults.clocks` has put it on the path."""

import datetime as dt
import os

import time_machine

_BY = dt.timedelta(seconds=int(os.environ["SHIFTED_CLOCK_SECONDS"]))

time_machine.travel(dt.datetime.now(dt.UTC) + _BY).start()
