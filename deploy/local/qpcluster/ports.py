"""Free ports below the range from which the kernel takes ports for outgoing connections.

A port of that range may be taken by any connection between two runs of a node, and the node would not start again.
"""
import pathlib
import random
import socket

LOWEST = 20_000
HIGHEST = 32_000
EPHEMERAL = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")


def highest(ephemeral=EPHEMERAL):
    """The port our range ends before."""
    try:
        begin = int(ephemeral.read_text().split()[0])
    except OSError:
        return HIGHEST
    # A machine whose outgoing ports begin lower leaves no room below them; there any free port has to do.
    return min(begin, HIGHEST) if begin > LOWEST + 1_000 else HIGHEST


def is_free(port, hosts):
    """Whether a server could listen on the port at every one of `hosts`."""
    for host in hosts:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            # As servers do it: a connection of an earlier run that still closes is no obstacle.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((host, port))
            except OSError:
                return False
    return True


class Chooser:
    """Hands out ports, none of them twice."""

    def __init__(self, free=is_free, dice=None, end=None):
        self.free = free
        end = end or highest()
        self.candidates = list(range(LOWEST, end))
        (dice or random.Random()).shuffle(self.candidates)

    def take(self, hosts):
        """A port that is free at all `hosts`."""
        while self.candidates:
            port = self.candidates.pop()
            if self.free(port, hosts):
                return port
        raise OSError(f"no free port from {LOWEST} to {HIGHEST} at {', '.join(hosts)}")
