"""HAProxy with the configuration of compose.yaml, in front of listeners on loopback addresses and of a real server."""
import contextlib
import csv
import http.client
import http.server
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import tomllib

from . import settings
from .check import Skipped, Wrong, check, must
from .tools import DEPLOY, installed

CONFIG = DEPLOY / "compose/haproxy.cfg"
TOKEN = "0f0e0d0c-0b0a-8900-8000-00c0ffee0000"


class Listener:
    """Answers each path with the status it is told, 200 if none, and keeps what was asked."""

    def __init__(self, statuses=None, host="127.0.0.1", port=0):
        self.statuses, self.seen = statuses if statuses is not None else {}, []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                listener.seen.append((path, self.headers.get("X-Forwarded-For")))
                self.send_response(listener.statuses.get(path, 200))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((host, port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.thread.is_alive():
            self.server.shutdown()
            self.server.server_close()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Proxy:
    """HAProxy with the configuration of compose.yaml, on free ports of 127.0.0.1."""

    def __init__(self, stack, admin_port, ingests, api):
        self.public, self.api, self.state = free_port(), free_port(), free_port()
        environment = {
            **os.environ,
            "MAXCONN": "500",
            "ADMIN_PORT": str(admin_port),
            "RESOLVER": "127.0.0.1:9",
            "PINGS_BIND": f"127.0.0.1:{self.public}",
            "API_BIND": f"127.0.0.1:{self.api}",
            "STATE_BIND": f"127.0.0.1:{self.state}",
            "INGEST_1": ingests[0],
            "INGEST_2": ingests[1],
            "API_1": api,
        }
        self.log = stack.enter_context(tempfile.TemporaryFile("w+"))
        haproxy = installed("haproxy", "haproxy")
        self.process = subprocess.Popen([haproxy, "-db", "-f", CONFIG], env=environment, stdout=self.log, stderr=self.log)
        stack.callback(self.process.wait, 10)
        stack.callback(self.process.terminate)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def states(self):
        """What HAProxy thinks of each server."""
        try:
            text = get(self.state, "/;csv")[1].lstrip("# ")
        except OSError:
            return {}
        rows = csv.DictReader(text.splitlines())
        return {row["svname"]: row["status"] for row in rows if row["svname"] not in ("FRONTEND", "BACKEND")}

    def wait(self, wanted, also=lambda: True):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Wrong(f"HAProxy ended: {self.said()}")
            if wanted.items() <= self.states().items() and also():
                return
            time.sleep(0.05)
        raise Wrong(f"HAProxy says {self.states()}, expected {wanted}")


def get(port, path, host="127.0.0.1", **headers):
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


class Rig:
    """HAProxy, and two ingests at 127.0.0.2 and 127.0.0.3 with an admin port each."""

    def __init__(self, stack):
        self.admin = [stack.enter_context(Listener(host="127.0.0.2"))]
        self.admin.append(stack.enter_context(Listener(host="127.0.0.3", port=self.admin[0].port)))
        self.pings = [stack.enter_context(Listener(host=f"127.0.0.{end}")) for end in (2, 3)]
        addresses = [f"127.0.0.{end}:{ingest.port}" for end, ingest in zip((2, 3), self.pings)]
        self.proxy = Proxy(stack, self.admin[0].port, addresses, "127.0.0.2:9")

    def wait(self, first, second):
        asked = lambda: all(admin.seen for admin in self.admin)
        self.proxy.wait({"ingest-1": first, "ingest-2": second}, asked)

    def ping(self, times=20):
        """Pings, and how many of them each ingest got and how many were not answered 200."""
        before = [len(ingest.seen) for ingest in self.pings]
        statuses = [get(self.proxy.public, f"/ping/{TOKEN}", **{"X-Forwarded-For": "6.6.6.6"})[0] for _ in range(times)]
        return [len(ingest.seen) - count for ingest, count in zip(self.pings, before)], sum(status != 200 for status in statuses)


@check("proxy: HAProxy leaves out who is not ready, takes it back, and loses no ping meanwhile")
def readiness():
    with contextlib.ExitStack() as stack:
        rig, problems = Rig(stack), []
        rig.wait("UP", "UP")
        (first, second), lost = rig.ping()
        problems += ["with two that are ready the pings are not shared out"] * (min(first, second) < 8 or lost > 0)
        rig.admin[1].statuses["/readyz"] = 503
        rig.wait("UP", "DOWN")
        (_, second), lost = rig.ping()
        problems += [f"one that is not ready got {second} pings, {lost} were lost"] * (second + lost > 0)
        rig.admin[1].statuses.clear()
        rig.wait("UP", "UP")
        rig.pings[0].close()
        (_, second), lost = rig.ping()
        problems += [f"when a ready one refuses connections {lost} of 20 pings are lost"] * (lost > 0 or second != 20)
        must([*problems, *heard_problems(rig)])


def heard_problems(rig):
    forwarded = {address for ingest in rig.pings for _, address in ingest.seen}
    if forwarded != {"127.0.0.1"}:
        yield f"X-Forwarded-For is {forwarded}: what the client said must be dropped"
    if TOKEN in rig.proxy.said():
        yield "the log of HAProxy has ping tokens"


@check("proxy: HAProxy takes the configuration with what compose.yaml sets")
def takes():
    from .compose import services  # which itself needs this module

    # Names of services stand for addresses that are only there in a container's network.
    settings = {name: re.sub(r"^[a-z]+(-\d)?:", "127.0.0.1:", value) for name, value in services()["haproxy"]["environment"].items()}
    environment = {**os.environ, **settings, "MAXCONN": "500"}
    subprocess.run([installed("haproxy", "haproxy"), "-c", "-f", CONFIG], env=environment, check=True, capture_output=True, text=True)


def canary_age(admin_port):
    """How long ago a canary came through, in seconds."""
    found = re.search(r"^canary_age_seconds ([0-9.e+-]+)$", get(admin_port, "/metrics")[1], re.MULTILINE)
    return float(found[1]) if found else float("inf")


def complains(log):
    """Whether the last that was said of canaries is that they do not get through."""
    return log.rfind("canaries do not get through") > log.rfind("canaries get through the public URL again")


@check("proxy: a real server behind HAProxy takes pings, canaries and API calls, and is left out while it ends")
def real_server():
    server = settings.server()
    client = server.with_name("qp")
    if not client.exists():
        raise Skipped(f"no {client} (cargo build -p quietpulse-cli)")
    with contextlib.ExitStack() as stack:
        data = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        http_port, grpc_port, admin_port = free_port(), free_port(), free_port()
        at = lambda port: f"127.0.0.1:{port}"
        proxy = Proxy(stack, admin_port, [at(http_port), at(http_port)], at(grpc_port))
        command = [server, "serve", "--data-dir", data, "--http", at(http_port), "--grpc", at(grpc_port), "--admin", at(admin_port)]
        environment = {"PATH": os.environ["PATH"], "QUIETPULSE_HTTP_PUBLIC_URL": f"http://{at(proxy.public)}", "QUIETPULSE_SHUTDOWN_DELAY": "5s"}
        stderr = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / "stderr"
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr.open("w"))
        stack.callback(process.kill)
        # Until HAProxy had asked twice no canary got through.
        heard = lambda: (data / "ready.json").exists() and canary_age(admin_port) < 5 and not complains(stderr.read_text())
        proxy.wait({"ingest-1": "UP", "ingest-2": "UP", "api-1": "UP"}, heard)
        keys = tomllib.loads((data / "keys.toml").read_text())
        made = get(proxy.public, f"/ping/{keys['ping_key']}/through-haproxy?create=1&period=1h")
        listed = subprocess.run([client, "--url", f"http://{at(proxy.api)}", "--api-key", keys["api_key"], "monitor", "list"], capture_output=True, text=True)
        process.send_signal(signal.SIGTERM)
        proxy.wait({"ingest-1": "DOWN", "ingest-2": "DOWN", "api-1": "DOWN"})
        still = get(http_port, f"/ping/{keys['ping_key']}/through-haproxy")[0]
        status, log = process.wait(timeout=40), stderr.read_text()
        must(
            [
                *([f"a ping is answered {made}"] * (made[0] != 201)),
                *([f"qp says {listed.stdout}{listed.stderr}"] * ("through-haproxy" not in listed.stdout)),
                *([f"canaries do not get through: {log}"] * complains(log)),
                *([f"left out, it answers {still} although its port is open"] * (still != 200)),
                *([f"it ended with {status}"] * (status != 0)),
            ]
        )
