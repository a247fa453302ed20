"""Paths of the project, and programs that are fetched or built once."""
import functools
import json
import pathlib
import shutil
import subprocess
import threading

from .check import Skipped

DEPLOY = pathlib.Path(__file__).resolve().parent.parent.parent
ROOT = DEPLOY.parent
TOOLS = ROOT / "target/tools/deploy"

HELM = "v3.22.0"
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
KEDA = "github.com/kedacore/keda/v2@v2.21.0"


def once(function):
    """Like functools.cache, but two threads never do the work twice."""
    lock, cached = threading.Lock(), functools.cache(function)

    @functools.wraps(function)
    def guarded(*arguments):
        with lock:
            return cached(*arguments)

    return guarded


def run(*command, **options):
    """What the program said on stdout; raises if it did not end with 0."""
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, **options)
    return done.stdout


def installed(program, package):
    """The path of a program that the machine has, or not."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not found:
        raise Skipped(f"no {program} on this machine (Debian: apt-get install {package})")
    return found


@once
def go():
    return installed("go", "golang, if it has Go 1.26 or newer")


def fetched(what, *command, **options):
    """Runs Go where it may have to fetch modules; that there is no way to them is a reason to skip."""
    try:
        return run(*command, **options)
    except subprocess.CalledProcessError as error:
        raise Skipped(f"Go could not fetch or build {what}: {error.stderr.strip().splitlines()[-1:]}") from error


@once
def helm():
    """Helm, built from its Go module. About 100 s on two idle cores, once."""
    directory = TOOLS / f"helm-{HELM}"
    if not (directory / "helm").exists():
        fetched("Helm", "env", f"GOBIN={directory}", go(), "install", f"helm.sh/helm/v3/cmd/helm@{HELM}", cwd=TOOLS)
    return directory / "helm"


@once
def parser():
    """Our reader of compose files and Dockerfiles, on the libraries that Docker's own tools use."""
    target = TOOLS / "parse"
    fetched("the reader of compose files", go(), "build", "-mod=readonly", "-o", target, ".", cwd=DEPLOY / "tests/parse")
    return target


def parsed(kind, path):
    """A compose file or a Dockerfile as JSON; raises if it is refused."""
    return json.loads(run(parser(), kind, path))


@once
def module(name):
    """The directory of a Go module at a version."""
    listed = fetched(name, go(), "mod", "download", "-json", name, cwd=TOOLS)
    return pathlib.Path(json.loads(listed)["Dir"])
