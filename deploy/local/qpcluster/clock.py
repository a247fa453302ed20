"""A node's wall clock, which a test may step while the node runs: libfaketime reads an offset from a file."""
import pathlib
import re

from qpcluster import files
from qpcluster.errors import Skipped

FILE = "clock"
PLACES = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
]


def library():
    for place in PLACES:
        if pathlib.Path(place).exists():
            return place
    raise Skipped("--faketime needs libfaketimeMT.so.1 (Debian: libfaketime)")


def environment(home):
    return {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(pathlib.Path(home) / FILE),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        # Left to choose, the library takes monotonic time-outs for those of an older C library: every wait of a JVM
        # then ends at once, and its threads spin.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        # Semaphores shared between processes by name are of no use here and would outlive a kill.
        "FAKETIME_DISABLE_SHM": "1",
    }


def offset(text):
    """Seconds from `+3600`, `-90`, `0`; None when it is no such thing."""
    return int(text) if re.fullmatch(r"[+-]?\d{1,9}", text) else None


def step(home, seconds):
    """Sets the clock to so many seconds from the machine's. The node sees it within about a second."""
    files.write(pathlib.Path(home) / FILE, f"{seconds:+d}\n")


def prepare(home):
    """A clock that was stepped stays so over a restart of its node."""
    if not (pathlib.Path(home) / FILE).exists():
        step(home, 0)


def shown(home):
    """The offset as it was set, such as `+3600`."""
    return (pathlib.Path(home) / FILE).read_text().strip()
