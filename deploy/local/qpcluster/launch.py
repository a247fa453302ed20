"""Starting nodes, and waiting until they serve."""
import dataclasses
import os
import pathlib
import time

from qpcluster import files, jars, java, ports, process, progress
from qpcluster.cassandra import CassandraNode
from qpcluster.errors import Failed
from qpcluster.kafka import KafkaNode

KINDS = {"kafka": KafkaNode, "cassandra": CassandraNode}
POLL_SECONDS = 0.1
# What of our own environment a server gets; anything else may change how a JVM behaves.
PASSED_ON = ["PATH", "HOME", "LANG", "LC_ALL"]


@dataclasses.dataclass
class Runtime:
    """What a node needs to run. Empty where nodes are only looked at or stopped."""

    java: pathlib.Path | None = None
    jars: dict = dataclasses.field(default_factory=dict)
    environment: dict = dataclasses.field(default_factory=dict)


def runtime(plan):
    """Java and the jars of the kinds the plan has. Fails as skipped where this machine cannot have them."""
    kinds = [kind for kind in KINDS if getattr(plan, kind)]
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return Runtime(java.find(), {kind: jars.fetched(kind) for kind in kinds}, environment)


def nodes(plan, directory, runtime=None):
    """All nodes of the plan, Kafka's first."""
    runtime = runtime or Runtime()
    kinds = KINDS.items()
    return [make(plan, directory, n, runtime) for kind, make in kinds for n in range(1, getattr(plan, kind) + 1)]


class Started:
    """A node's process as long as this program is its parent, and where in the log this start begins."""

    def __init__(self, node):
        node.prepare()
        node.format()
        self.node = node
        self.began = time.monotonic()
        self.log_from = node.log.stat().st_size if node.log.exists() else 0
        # A process without its pid file could not be found again.
        with process.undisturbed():
            self.child = process.spawn(node.command(), node.log, node.environment(), node.home, node.uid)
            node.pid_file.write(self.child.pid)

    def check(self):
        """True once the node serves; says so. Fails when it has ended, or takes too long."""
        if self.said_so() and self.node.serves():
            took = time.monotonic() - self.began
            megabytes = process.rss_bytes(self.child.pid) / 1e6
            progress.say(f"{self.node.name} serves at {self.node.address()} after {took:.1f} s, {megabytes:.0f} MB")
            return True
        status = self.child.poll()
        if status is not None:
            raise Failed(f"{self.node.name} ended with status {status} while it started\n{self.node.last_lines()}")
        if time.monotonic() > self.began + self.node.START_SECONDS:
            seconds = self.node.START_SECONDS
            raise Failed(f"{self.node.name} does not serve after {seconds} s\n{self.node.last_lines()}")
        return False

    def said_so(self):
        with open(self.node.log, "rb") as log:
            log.seek(self.log_from)
            return self.node.LOG_MARK.encode() in log.read()


def start(stopped, started):
    """Starts nodes, all of a kind at once: a first node would otherwise wait in vain for the others to answer.

    Adds to `started` what runs, as it does, so that the caller can stop it whatever happens.
    """
    for node in stopped:
        check_reach(node)
        check_ports(node)
    for kind in KINDS:
        waiting = []
        for node in stopped:
            if node.KIND == kind:
                started.append(node)
                waiting.append(Started(node))
        while waiting := [one for one in waiting if not one.check()]:
            time.sleep(POLL_SECONDS)


def check_ports(node):
    for host, port in node.listens():
        if not ports.is_free(port, [host]):
            raise Failed(
                f"{node.name} needs port {port} at {host}, which another process has taken: "
                f"stop that, or let new ports be chosen after `cluster down --wipe`"
            )


def check_reach(node):
    """Another user must be able to reach what it has to run and write."""
    if node.uid is None:
        return
    if os.geteuid() != 0:
        raise Failed(f"{node.name} cannot run as uid {node.uid}: only root may start processes of another user")
    for path in [node.directory, *node.runtime.jars.values()]:
        closed = files.closed_parent(path)
        if closed:
            raise Failed(f"{node.name} as uid {node.uid} cannot reach {path}: {closed} is closed to other users")
