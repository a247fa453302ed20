"""The command line."""
import argparse
import pathlib
import signal

from qpcluster import clock, commands, progress
from qpcluster.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_SKIPPED, Failed, Skipped

DEFAULT_DIRECTORY = "quietpulse-cluster"
# Where a signal is sent, by the command's name.
SIGNALS = {"stop": signal.SIGSTOP, "cont": signal.SIGCONT}


def heap(text):
    """A JVM's size: a number and k, m or g."""
    if text[-1:].lower() not in ("k", "m", "g") or not text[:-1].isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no size like 768m or 1g")
    return text


def offset(text):
    seconds = clock.offset(text)
    if seconds is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds like +3600, -90 or 0")
    return seconds


def parser():
    top = argparse.ArgumentParser(prog="cluster", description="Real Kafka and Cassandra servers on loopback addresses.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    add_up(verb(verbs, "up", "start what does not run, and wait until it serves"))
    wipe = verb(verbs, "down", "stop all nodes")
    wipe.add_argument("--wipe", action="store_true", help="remove configuration and data too")
    verb(verbs, "status", "one line a node; exit 0 when all serve")
    verb(verbs, "env", "print the variables that point tests at the cluster")
    helps = {
        "kill": "SIGKILL a node",
        "term": "let a node stop in order, and wait for it",
        "stop": "freeze a node (SIGSTOP)",
        "cont": "let a frozen node go on (SIGCONT)",
        "start": "start a node with its old configuration and data",
        "clock": "step the clock of a node that runs with --faketime",
    }
    for name, text in helps.items():
        verb(verbs, name, text).add_argument("node", metavar="NODE", help="such as kafka-1 or cassandra-2")
    verbs.choices["clock"].add_argument("offset", type=offset, help="seconds from the machine's clock: +3600, -90, 0")
    return top


def verb(verbs, name, text):
    made = verbs.add_parser(name, help=text, description=text)
    made.add_argument("--dir", type=pathlib.Path, default=pathlib.Path(DEFAULT_DIRECTORY), help="default: ./%(default)s")
    return made


def add_up(up):
    """Options left out keep what the cluster was made with; the defaults are in `plan.DEFAULTS`."""
    add = up.add_argument
    add("--kafka", type=int, choices=[0, 1, 3], help="brokers, default 1")
    add("--cassandra", type=int, choices=[0, 1, 3], help="nodes, default 1")
    add("--no-kafka", dest="kafka", action="store_const", const=0)
    add("--no-cassandra", dest="cassandra", action="store_const", const=0)
    add("--kafka-heap", type=heap, metavar="SIZE", help="of each broker, default 384m")
    add("--cassandra-heap", type=heap, metavar="SIZE", help="of each node, default 768m")
    add("--kafka-secure", action="store_true", default=None, help="a second listener with TLS and SASL")
    add("--cassandra-secure", action="store_true", default=None, help="passwords, and TLS for those who want it")
    add("--kafka-uid", type=int, metavar="UID", help="run brokers as this user (root only)")
    add("--cassandra-uid", type=int, metavar="UID", help="run Cassandra as this user (root only)")
    add("--faketime", action="append", metavar="NODE", help="let `cluster clock` step this node's clock")


def run(arguments):
    directory = arguments.dir.resolve()
    options = {key: value for key, value in vars(arguments).items() if key not in ("verb", "dir")}
    name = options.pop("node", None)
    match arguments.verb:
        case "up":
            return commands.up(directory, options)
        case "down":
            return commands.down(directory, arguments.wipe)
        case "status":
            return commands.status(directory)
        case "env":
            return commands.environment(directory)
        case "kill" | "term" as word:
            return commands.end(directory, name, by_force=word == "kill")
        case "start":
            return commands.start(directory, name)
        case "clock":
            return commands.set_clock(directory, name, arguments.offset)
        case word:
            return commands.send(directory, name, SIGNALS[word])


def main(words):
    # SIGTERM as Ctrl-C: what was half started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run(parser().parse_args(words))
    except Skipped as reason:
        progress.complain(f"SKIPPED: {reason}")
        return EXIT_SKIPPED
    except Failed as reason:
        progress.complain(f"cluster: {reason}")
        return EXIT_FAILED
    except KeyboardInterrupt:
        progress.complain("cluster: interrupted")
        return EXIT_INTERRUPTED
