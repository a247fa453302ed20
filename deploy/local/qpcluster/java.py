"""The Java that runs the servers."""
import os
import pathlib
import re
import shutil
import subprocess

from qpcluster.errors import Skipped

# Cassandra 5 runs on 11 and 17, a Kafka 4 broker on 17 and later.
WANTED = 17
# Little memory and a quick start count for more here than throughput after an hour. A JVM out of memory ends, instead
# of living on as a server that half works.
FRUGAL = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData"]


def candidates():
    home = os.environ.get("JAVA_HOME")
    yield from [pathlib.Path(home) / "bin" / "java"] if home else []
    found = shutil.which("java")
    yield from [pathlib.Path(found)] if found else []
    yield from sorted(pathlib.Path("/usr/lib/jvm").glob(f"*{WANTED}*/bin/java"))


def version(java):
    """The major version, or None when it does not say one."""
    try:
        run = subprocess.run([java, "-version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', run.stderr + run.stdout)
    return int(match.group(1)) if match else None


def find():
    """The path of a Java 17."""
    seen = []
    for java in candidates():
        major = version(java)
        if major == WANTED:
            return java
        seen.append(f"{java} is {major or 'no Java'}")
    raise Skipped(f"Java {WANTED} is needed: {'; '.join(seen) or 'no java on the PATH'}")


def command(java, heap, class_path, temporary, options, main, *arguments):
    return [
        java,
        f"-Xmx{heap}",
        *FRUGAL,
        f"-Djava.io.tmpdir={temporary}",
        "-Djava.awt.headless=true",
        *options,
        "-cp",
        f"{class_path}/*",
        main,
        *arguments,
    ]
