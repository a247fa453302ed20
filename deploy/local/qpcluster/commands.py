"""The commands. Each returns the exit status."""
import contextlib
import fcntl
import shutil
import signal

from qpcluster import clock, launch, process, progress, quorum, report, ring
from qpcluster import plan as plans
from qpcluster.errors import Failed

# Waits until all nodes of a kind work together.
COMPLETE = {"kafka": quorum.complete, "cassandra": ring.complete}
# What `down --wipe` removes besides the nodes' directories.
OWN_FILES = [plans.FILE, report.FILE, ".lock"]


@contextlib.contextmanager
def locked(directory):
    """One command at a time changes a cluster; a second one waits for the first."""
    with open(directory / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def known(directory):
    plan = plans.load(directory)
    if plan is None:
        raise Failed(f"there is no cluster in {directory}; `cluster up --dir {directory}` makes one")
    return plan


def find(plan, directory, name, runtime=None):
    for node in launch.nodes(plan, directory, runtime):
        if node.name == name:
            return node
    raise Failed(f"there is no node {name}, only {', '.join(plan.names())}")


def up(directory, options):
    """Starts what does not run. All nodes it started are stopped again when one of them does not come up."""
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory):
        earlier = plans.load(directory)
        plan = plans.merge(earlier, options) if earlier else plans.make(options)
        runtime = launch.runtime(plan)
        nodes = launch.nodes(plan, directory, runtime)
        stopped = [node for node in nodes if node.pid_file.pid() is None]
        plan.save(directory)
        bring_up(plan, directory, stopped)
        report.write(plan, directory, nodes)
        say_up(directory, nodes, stopped)
    return 0


def bring_up(plan, directory, stopped):
    started = []
    try:
        launch.start(stopped, started)
        for kind in {node.KIND for node in started}:
            if all_run(plan, directory, kind):
                COMPLETE[kind](plan)
    except BaseException:
        # A Ctrl-C too: nothing half started stays behind.
        if started:
            progress.say(f"stopping what was started: {', '.join(node.name for node in started)}")
            process.stop_all([node.pid_file for node in started])
        raise


def all_run(plan, directory, kind):
    """Whether no node of the kind is stopped or frozen, as tests leave them on purpose."""
    nodes = [node for node in launch.nodes(plan, directory) if node.KIND == kind]
    return all(node.pid_file.pid() is not None and not node.pid_file.frozen() for node in nodes)


def say_up(directory, nodes, stopped):
    frozen = [node.name for node in nodes if node.pid_file.frozen()]
    word = "up" if stopped else "already up"
    progress.say(f"{word}: {len(nodes)} nodes in {directory}, see {directory / report.FILE}")
    if frozen:
        progress.say(f"frozen: {', '.join(frozen)} (`cluster cont NODE` lets it go on)")
    print(report.exports(nodes), flush=True)


def down(directory, wipe):
    if plans.load(directory) is None:
        progress.say(f"there is no cluster in {directory}")
        return 0
    with locked(directory):
        plan = plans.load(directory)
        nodes = launch.nodes(plan, directory)
        report.remove(directory)
        stop(nodes)
        if wipe:
            remove(directory, nodes)
    return 0


def stop(nodes):
    running = [node for node in nodes if node.pid_file.pid() is not None]
    killed = process.stop_all([node.pid_file for node in nodes])
    names = [node.name + (" (by SIGKILL)" if node.pid_file in killed else "") for node in running]
    progress.say(f"stopped: {', '.join(names)}" if names else "nothing was running")


def remove(directory, nodes):
    """Removes what this program made, and the directory if nothing else is in it."""
    for place in [node.home for node in nodes] + [directory / "tls"]:
        shutil.rmtree(place, ignore_errors=True)
    for name in OWN_FILES:
        (directory / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        directory.rmdir()
    progress.say(f"removed the data in {directory}")


def status(directory):
    """0 when every node serves, 1 when one does not."""
    nodes = launch.nodes(known(directory), directory)
    states = [(node, state(node)) for node in nodes]
    for node, word in states:
        pid = node.pid_file.pid()
        memory = f"{process.rss_bytes(pid) / 1e6:.0f} MB" if pid else "-"
        offset = f"clock {clock.shown(node.home)} s" if node.faked() and pid else ""
        print(f"{node.name:<12} {word:<8} pid {pid or '-':<8} {node.address():<16} {memory:>8}  {offset}".rstrip())
    return 0 if all(word == "serves" for _, word in states) else 1


def state(node):
    if node.pid_file.pid() is None:
        return "stopped"
    if node.pid_file.frozen():
        return "frozen"
    return "serves" if node.serves() else "silent"


def environment(directory):
    print(report.exports(launch.nodes(known(directory), directory)))
    return 0


def send(directory, name, number):
    """SIGSTOP and SIGCONT."""
    node = find(known(directory), directory, name)
    if not node.pid_file.signal(number):
        raise Failed(f"{name} does not run")
    progress.say(f"{name}: {signal.Signals(number).name}")
    return 0


def end(directory, name, by_force):
    """SIGKILL, or SIGTERM and waiting."""
    with locked(directory):
        plan = known(directory)
        node = find(plan, directory, name)
        if node.pid_file.pid() is None:
            raise Failed(f"{name} does not run")
        if by_force:
            process.kill(node.pid_file)
            node.pid_file.clear()
        else:
            process.stop_all([node.pid_file])
        report.write(plan, directory, launch.nodes(plan, directory))
        progress.say(f"{name} ended")
    return 0


def start(directory, name):
    """Starts a node with the configuration and data it had."""
    with locked(directory):
        plan = known(directory)
        node = find(plan, directory, name, launch.runtime(plan))
        if node.pid_file.pid() is not None:
            progress.say(f"{name} runs already")
            return 0
        bring_up(plan, directory, [node])
        report.write(plan, directory, launch.nodes(plan, directory))
    return 0


def set_clock(directory, name, seconds):
    node = find(known(directory), directory, name)
    if not node.faked():
        raise Failed(f"{name} runs with the machine's clock; it has to be started with --faketime {name}")
    clock.step(node.home, seconds)
    progress.say(f"the clock of {name} is {seconds:+d} s from the machine's")
    return 0
