"""What makes Python's surroundings those of a plugin: the same at every call, and no silence when a call fails."""

import functools
import random
import time

from componentize_py_types import Err
from wit_world.imports import logging

# There is no clock: it is always the beginning of 1970. What asks the system itself, as datetime.now() and os.urandom()
# do, ends the call.
time.time = time.monotonic = time.perf_counter = lambda: 0.0
time.time_ns = time.monotonic_ns = time.perf_counter_ns = lambda: 0
# Nor are there random numbers: those from one seed.
random.seed(0)


def reported(function):
    """An exception that is not a problem ends the call; its words reach whoever asked, as a panic's do."""

    @functools.wraps(function)
    def call(*arguments):
        try:
            return function(*arguments)
        except Err:
            raise
        except Exception as exception:
            at = exception.__traceback__
            while at.tb_next:
                at = at.tb_next
            words = f"{type(exception).__name__}: {exception} (at {at.tb_frame.f_code.co_filename}:{at.tb_lineno})"
            logging.log(logging.Level.CRITICAL, words)
            raise

    return call
