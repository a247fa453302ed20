"""Makes `qpcluster` importable from wherever the tests are run, and a plan to test with."""
import pathlib
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from qpcluster import plan, ports  # noqa: E402 (the path above comes first)


def chooser(taken=()):
    """Ports that are the same in every run, and free unless they are in `taken`."""
    return ports.Chooser(free=lambda port, hosts: port not in taken, dice=random.Random(1), end=32_000)


def make_plan(**options):
    return plan.make(options, chooser())
