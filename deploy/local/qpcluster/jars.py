"""The jars the servers run, fetched once into a cache with Maven.

A component's directory is named after the hash of its pom and appears by one rename: it is complete, or it is not there.
"""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

from qpcluster import progress
from qpcluster.errors import Skipped

HERE = pathlib.Path(__file__).resolve().parent.parent
DEFAULT_CACHE = HERE.parent.parent / "target" / "cluster-jars"
FETCH_SECONDS = 900
COLOUR = re.compile("\x1b\\[[0-9;]*m")


def cache():
    return pathlib.Path(os.environ.get("QP_CLUSTER_JARS") or DEFAULT_CACHE).resolve()


def directory(component):
    """Where the jars of `component` are, once they are fetched."""
    pom = (HERE / "jars" / component / "pom.xml").read_bytes()
    return cache() / f"{component}-{hashlib.sha256(pom).hexdigest()[:12]}"


def fetched(component):
    """The directory of the component's jars; fetches them when they are not there."""
    place = directory(component)
    if not place.is_dir():
        fetch(component, place)
    return place


def fetch(component, place):
    maven = shutil.which("mvn")
    if maven is None:
        raise Skipped(f"mvn (Maven) is not on the PATH, and the jars of {component} are not in {place.parent}")
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    progress.say(f"fetching the jars of {component} into {place}")
    try:
        copy_dependencies(maven, component, partial)
        publish(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def copy_dependencies(maven, component, into):
    pom = HERE / "jars" / component / "pom.xml"
    command = [maven, "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={into}"]
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        raise Skipped(f"fetching the jars of {component} took longer than {FETCH_SECONDS} s") from None
    if run.returncode != 0 or not any(into.glob("*.jar")):
        raise Skipped(f"the jars of {component} cannot be fetched: {reason(run.stdout + run.stderr)}")


def reason(output):
    """The first line in which Maven says what is wrong."""
    lines = [COLOUR.sub("", line).strip() for line in output.splitlines()]
    errors = [line.removeprefix("[ERROR]").strip() for line in lines if line.startswith("[ERROR]")]
    said = [line for line in errors or lines if line]
    return said[0][:400] if said else "mvn said nothing"


def publish(partial, place):
    try:
        partial.rename(place)
    except OSError:
        # Another run was faster; its directory is as complete as ours.
        if not place.is_dir():
            raise
