"""Processes that outlive this program, and the proof that a pid is still the one we started.

A pid file holds the pid and the kernel's start time of that process. A pid that was given to another process since then
has another start time, so nothing of anyone else's is ever signalled.
"""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

from qpcluster import files

# How long a server may take to stop by itself.
STOP_SECONDS = 20
POLL_SECONDS = 0.05


def stat_fields(pid):
    """The fields of /proc/PID/stat from the third (state) on, or None when there is no such process."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in parentheses, which may itself hold spaces and parentheses.
    return text.rpartition(")")[2].split()


def start_time(pid):
    """Ticks from boot to the start of `pid` (field 22), or None when it is gone. A zombie counts as gone."""
    fields = stat_fields(pid)
    if fields is None or fields[0] in "ZX":
        return None
    return int(fields[19])


def rss_bytes(pid):
    """Resident memory, or 0 when the process is gone."""
    fields = stat_fields(pid)
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


class PidFile:
    """The one process of a node."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def write(self, pid):
        files.write(self.path, json.dumps({"pid": pid, "start_time": start_time(pid)}))

    def pid(self):
        """The pid, if the process written down still runs."""
        try:
            held = json.loads(self.path.read_text())
        except FileNotFoundError:
            return None
        alive = held["start_time"] is not None and start_time(held["pid"]) == held["start_time"]
        return held["pid"] if alive else None

    def frozen(self):
        pid = self.pid()
        fields = stat_fields(pid) if pid else None
        return bool(fields) and fields[0] in "Tt"

    def signal(self, number):
        """Signals the process; False when it is gone."""
        pid = self.pid()
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def wait_gone(self, seconds):
        """True once the process is gone, False when it is not after `seconds`."""
        deadline = time.monotonic() + seconds
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def clear(self):
        self.path.unlink(missing_ok=True)


def ask_to_stop(pid_file):
    """SIGTERM, and SIGCONT because a frozen process would keep the first one waiting."""
    if pid_file.signal(signal.SIGTERM):
        pid_file.signal(signal.SIGCONT)


def stop_all(pid_files, seconds=STOP_SECONDS):
    """Asks all of them at once, kills what is left after `seconds`. Returns the files whose process was killed."""
    for pid_file in pid_files:
        ask_to_stop(pid_file)
    deadline = time.monotonic() + seconds
    killed = [one for one in pid_files if not one.wait_gone(max(0, deadline - time.monotonic()))]
    for pid_file in killed:
        kill(pid_file)
    for pid_file in pid_files:
        pid_file.clear()
    return killed


def kill(pid_file):
    """SIGKILL, and waits until the kernel has let go of its files and ports."""
    pid_file.signal(signal.SIGKILL)
    return pid_file.wait_gone(STOP_SECONDS)


@contextlib.contextmanager
def undisturbed():
    """Holds Ctrl-C and SIGTERM back until the end of the block."""
    held = []
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.signal(number, lambda came, _: held.append(came)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


def spawn(command, log, environment, cwd, uid=None):
    """Starts a process in a session of its own: a Ctrl-C meant for this program does not reach it."""
    identity = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    with open(log, "ab") as out:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            start_new_session=True,
            **identity,
        )
