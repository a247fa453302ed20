"""The Dockerfile."""
import pathlib
import re
import subprocess

from . import settings
from .check import Skipped, Wrong, check, must
from .proxy import Listener
from .tools import DEPLOY, ROOT, parsed, run


def final_stage():
    return parsed("dockerfile", DEPLOY / "Dockerfile")[-1]


def values(stage, name):
    return [value for one in stage["instructions"] if one["name"] == name for value in one.get("values", [])]


@check("image: BuildKit reads the Dockerfile without a warning")
def reads():
    build, final = parsed("dockerfile", DEPLOY / "Dockerfile")
    problems = []
    users = values(final, "USER")
    if not users or re.fullmatch(r"(root|0)(:.*)?", users[-1]) or not re.match(r"\d+", users[-1]):
        problems.append(f"the process must not be root, and be named by number: USER {users}")
    if not final["base"].endswith("slim") or "bookworm" not in final["base"] or "bookworm" not in build["base"]:
        problems.append(f"both stages are of one Debian release: {build['base']}, {final['base']}")
    environment = dict(value.split("=", 1) for value in values(final, "ENV"))
    problems += settings.variable_problems("Dockerfile", environment)
    problems += [f"{name} must be there" for name in ("HEALTHCHECK", "ENTRYPOINT", "EXPOSE") if name not in str(final)]
    must(problems)


@check("image: what is copied into the build is all that the workspace needs")
def context():
    let_in = re.findall(r"^!(\S+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    members = re.search(r"^members = \[(.*)\]", (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    needed = {"Cargo.toml", "Cargo.lock", *(member.split("/")[0].strip('" ') for member in members.split(","))}
    needed |= {"proto"} if "proto" in (ROOT / "crates/wire/build.rs").read_text() else set()
    must([*(f"{name} is needed and left out" for name in sorted(needed - set(let_in))), *(f"{name} is not there" for name in let_in if not (ROOT / name).exists())])


@check("image: HEALTHCHECK tells ready from not ready, and from nobody there")
def health():
    must(health_problems(values(final_stage(), "HEALTHCHECK"), "${ADMIN_PORT:-8082}"))


def health_problems(test, port_text):
    """Runs a health check of the form CMD bash -c … against listeners that answer so and so."""
    if test[:3] != ["CMD", "bash", "-c"] or port_text not in test[3]:
        raise Wrong(f"not a check by bash of port {port_text}: {test}")

    def healthy(port):
        done = subprocess.run(["bash", "-c", test[3].replace(port_text, str(port))], capture_output=True, timeout=20)
        return done.returncode == 0

    for status, wanted in ((200, True), (503, False)):
        with Listener({"/readyz": status, "/alive": status}) as listener:
            if healthy(listener.port) != wanted:
                yield f"a process that answers {status} counts as {'un' if wanted else ''}healthy"
    if healthy(listener.port):
        yield "a process that is not there counts as healthy"


@check("image: every library that the server links is in the image")
def libraries():
    program = settings.server()
    installed = set(re.findall(r"[a-z0-9.+-]+", " ".join(values(final_stage(), "RUN"))))
    # In every Debian image: libc and what apt itself links.
    base = {"libc6", "libgcc-s1", "libstdc++6"}
    problems, packages = [], set()
    for path in re.findall(r"=> (/\S+)", run("ldd", program)):
        packages |= owners(path)
    problems += [f"{package} is linked and not installed" for package in sorted(packages - installed - base)]
    must(problems)
    return ", ".join(sorted(packages))


def owners(path):
    """The Debian packages that have a library, wherever /lib leads."""
    for known_as in (path, str(pathlib.Path(path).resolve()), path.removeprefix("/usr"), f"/usr{path}"):
        done = subprocess.run(["dpkg", "-S", known_as], capture_output=True, text=True)
        if done.returncode == 0:
            return {line.split(":")[0] for line in done.stdout.splitlines()}
    raise Skipped(f"dpkg does not know whose {path} is")
