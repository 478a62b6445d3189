"""Delays in steps, for brokers that need a queue for each length of delay.

Pure. Rounding up keeps the number of such queues small, whatever ``get_cqrs_retry_delay`` returns.
"""

import math
from typing import Final

#: Seconds up to which every quarter of a second, and every second, is a step of its own.
_FINE_SECONDS: Final = 1
_EXACT_SECONDS: Final = 16
#: Steps between a number of seconds and its double, from there on: at most a quarter too long.
_STEPS_PER_DOUBLING: Final = 4
#: A week. What is to wait longer comes after a week.
LONGEST_SECONDS: Final = 7 * 24 * 3600


def rounded_up_ms(delay_seconds: float) -> int:
    """Rounds a delay up to the next step, in milliseconds; nothing is ever early.

    Everything up to a second is a multiple of a quarter of it, up to sixteen seconds a whole
    number of seconds, and beyond that at most a quarter too long: not even a hundred steps.
    """
    if not delay_seconds > 0:  # so that NaN is none
        return 0
    if delay_seconds <= _FINE_SECONDS:
        return math.ceil(delay_seconds * 4) * 250
    if delay_seconds >= LONGEST_SECONDS:
        return LONGEST_SECONDS * 1000
    if delay_seconds <= _EXACT_SECONDS:
        return math.ceil(delay_seconds) * 1000
    power = 1 << math.floor(math.log2(delay_seconds))
    step = power // _STEPS_PER_DOUBLING
    return min(math.ceil(delay_seconds / step) * step, LONGEST_SECONDS) * 1000
