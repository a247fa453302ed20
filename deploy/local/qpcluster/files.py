"""Files that are either the old or the new, and who owns them."""
import os
import pathlib


def write(path, text, mode=0o644):
    """Replaces `path` in one step, so that a reader never sees half of it."""
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.touch(mode=mode)
    temporary.chmod(mode)
    temporary.write_text(text)
    temporary.replace(path)


def give(directory, uid):
    """Makes `uid` the owner of a directory and all in it."""
    for root, _, names in os.walk(directory):
        for path in [root] + [os.path.join(root, name) for name in names]:
            os.chown(path, uid, uid, follow_symlinks=False)


def closed_parent(path):
    """The first directory on the way to `path` that other users may not enter, or None."""
    path = pathlib.Path(path).resolve()
    for directory in [*reversed(path.parents), path]:
        if directory.is_dir() and not directory.stat().st_mode & 0o001:
            return directory
    return None
