"""Why a command could not do its work, and the exit status that says so."""

EXIT_FAILED = 1
EXIT_USAGE = 2
# What test harnesses read as "skipped", as automake's does.
EXIT_SKIPPED = 77
EXIT_INTERRUPTED = 130


class Failed(Exception):
    """The command failed; the text is for a person."""


class Skipped(Exception):
    """This machine lacks what the servers need; the text says what."""
