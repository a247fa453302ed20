"""Settings that are handed to the server must exist: it refuses to start with one that it does not know."""
import functools
import os
import pathlib
import subprocess
import tomllib

from .check import Skipped, check, must
from .tools import ROOT

DEFAULT = ROOT / "crates/server/src/config/default.toml"
# Variables that are not settings: read by the command line and the clients (crates/server/src/config/env.rs).
OTHERS = {"QUIETPULSE_CONFIG", "QUIETPULSE_URL", "QUIETPULSE_API_KEY"}


@functools.cache
def known():
    """Dotted names of all settings to their defaults."""
    return flat(tomllib.loads(DEFAULT.read_text()))


def flat(table, prefix=""):
    found = {}
    for key, value in table.items():
        found.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return found


def variable_problems(where, variables):
    names = {"QUIETPULSE_" + name.replace(".", "_").upper() for name in known()} | OTHERS
    for name in sorted(name for name in variables if name.startswith("QUIETPULSE_")):
        if name not in names:
            yield f"{where}: {name} is no setting"


def file_problems(where, text):
    """Unknown settings of a file, and values of another type than the default's."""
    for name, value in flat(tomllib.loads(text)).items():
        if name not in known():
            yield f"{where}: {name} is no setting"
        elif type(value) is not type(known()[name]):
            yield f"{where}: {name} is {value!r}, its default {known()[name]!r}"


@functools.cache
def server():
    """A server built from this checkout with the cluster's backends: QP_SERVER, or what cargo left in target."""
    named = os.environ.get("QP_SERVER")
    candidates = [pathlib.Path(named)] if named else [ROOT / "target" / kind / "quietpulse" for kind in ("release", "debug")]
    for candidate in filter(pathlib.Path.exists, candidates):
        said = subprocess.run([candidate, "config", "default"], capture_output=True, text=True)
        cluster = verdict(candidate, {"QUIETPULSE_LOG_BACKEND": "kafka", "QUIETPULSE_KAFKA_BROKERS": "a:1"})
        if said.stdout.strip() == DEFAULT.read_text().strip() and "not in this build" not in cluster:
            return candidate
    raise Skipped("no server in target/{release,debug} that was built from this checkout with its default features (cargo build -p quietpulse-server)")


def verdict(program, variables, file=None):
    """What `config check` has against a configuration; empty: nothing."""
    clean = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run([program, "config", "check", *([file] if file else [])], env=clean, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip() or f"ended with {done.returncode}"


def command_problems(where, program, arguments):
    """Whether the server knows a command and its options."""
    done = subprocess.run([program, *arguments, "--help"], capture_output=True, text=True)
    if done.returncode != 0:
        yield f"{where}: {done.stderr.strip()}"


@check("settings: the server's own default file is what the checks go by")
def defaults():
    must(f"{DEFAULT}: lacks {name}" for name in ("roles", "installation", "kafka.brokers", "scylla.contact_points", "grpc.advertise") if name not in known())
    return f"{len(known())} settings"
