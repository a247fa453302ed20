"""Trying again until it works, with an end."""
import time

from qpcluster.errors import Failed

POLL_SECONDS = 0.25


class NotYet(Exception):
    """What was asked for is not so yet; the text says how it is."""


def until_done(what, attempt, seconds, passing):
    """Calls `attempt` until it raises nothing. `passing`: the exceptions that may pass with time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except passing as error:
            if time.monotonic() > deadline:
                raise Failed(f"{what} after {seconds} s: {error}") from None
        time.sleep(POLL_SECONDS)
