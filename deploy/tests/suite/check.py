"""What a check is, and how it says what is wrong."""
import dataclasses
import subprocess
import traceback
from typing import Callable, Optional


class Skipped(Exception):
    """The check cannot run on this machine; the text says what is missing."""


class Wrong(Exception):
    """What is deployed is wrong; the text says where."""


@dataclasses.dataclass
class Check:
    name: str
    function: Callable[[], Optional[str]]


CHECKS = []


def check(name):
    """Registers a function as a check. It raises Wrong or Skipped; what it returns is said beside `ok`."""

    def register(function):
        CHECKS.append(Check(name, function))
        return function

    return register


def must(problems):
    """Raises Wrong with all problems, if there are any."""
    problems = list(problems)
    if problems:
        raise Wrong("\n    ".join(["", *problems]))


def explain(error):
    if isinstance(error, Wrong):
        return str(error)
    if isinstance(error, subprocess.CalledProcessError):
        said = f"{error.stdout or ''}{error.stderr or ''}".strip()
        return f"{' '.join(map(str, error.cmd))} ended with {error.returncode}\n{said}"
    return "".join(traceback.format_exception(error)).strip()
