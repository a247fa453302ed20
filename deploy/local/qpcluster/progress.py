"""What the program tells a person while it works."""
import sys
import time

BEGAN = time.monotonic()


def say(text):
    """A line with the seconds since the program began."""
    print(f"[{time.monotonic() - BEGAN:6.1f} s] {text}", flush=True)


def complain(text):
    print(text, file=sys.stderr, flush=True)
