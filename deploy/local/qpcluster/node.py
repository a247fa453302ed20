"""One server of the cluster, whatever it runs."""
import pathlib

from qpcluster import clock, files
from qpcluster.process import PidFile

# Lines of a log that are shown when its node did not start.
LAST_LINES = 20
LAST_ERRORS = 5


class Node:
    """A node has a directory of its own with its configuration, data, log and pid file.

    A kind of server adds: `configure` (writes the configuration), `format` (prepares empty data, may do nothing),
    `command` (what to run), `LOG_MARK` (the words its log says once it serves) and `serves` (asks it over its port).
    """

    KIND = ""
    LOG_MARK = ""
    # How long a start may take on a loaded machine with two cores.
    START_SECONDS = 180

    def __init__(self, plan, directory, number, runtime):
        self.plan = plan
        self.number = number
        self.name = f"{self.KIND}-{number}"
        self.directory = pathlib.Path(directory)
        self.home = self.directory / self.name
        self.data = self.home / "data"
        self.temporary = self.home / "tmp"
        self.log = self.home / "log"
        self.pid_file = PidFile(self.home / "pid")
        self.runtime = runtime

    @property
    def uid(self):
        return getattr(self.plan, f"{self.KIND}_uid")

    @property
    def heap(self):
        return getattr(self.plan, f"{self.KIND}_heap")

    def prepare(self):
        """Everything that has to be on disk before the start; safe to repeat over existing data."""
        for directory in [self.home, self.data, self.temporary]:
            directory.mkdir(parents=True, exist_ok=True)
        self.configure()
        if self.faked():
            clock.prepare(self.home)
        if self.uid is not None:
            files.give(self.home, self.uid)

    def last_lines(self):
        """The end of the log, with the errors before it: a server that gives up says much while it stops."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        errors = [line for line in lines[:-LAST_LINES] if " ERROR " in line][-LAST_ERRORS:]
        return "\n".join(f"  {self.name} | {line}" for line in errors + lines[-LAST_LINES:])

    def faked(self):
        return self.name in self.plan.faketime

    def environment(self):
        return {**self.runtime.environment, **(clock.environment(self.home) if self.faked() else {})}

    def configure(self):
        raise NotImplementedError

    def format(self):
        """Prepares empty data."""

    def command(self):
        raise NotImplementedError

    def address(self):
        raise NotImplementedError

    def listens(self):
        """Every host and port the node takes."""
        raise NotImplementedError

    def serves(self):
        raise NotImplementedError
