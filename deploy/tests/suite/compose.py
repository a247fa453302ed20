"""deploy/compose.yaml."""
import pathlib
import re
import subprocess
import tempfile

import yaml

from . import image, settings
from .check import check, must
from .tools import DEPLOY, once, parsed

FILE = DEPLOY / "compose.yaml"
PROCESSES = ["ingest-1", "ingest-2", "evaluator-1", "evaluator-2", "notifier-1", "notifier-2", "api"]
STEPS = ["installation", "topic", "schema"]
BESIDE = ["haproxy", "kafka", "scylla", "prometheus", "grafana"]


@once
def project():
    return parsed("compose", FILE)


def services():
    return project()["services"]


@check("compose: compose-go loads the file, with the services that it promises")
def loads():
    must(f"{name}: expected exactly {PROCESSES + STEPS + BESIDE}" for name in set(services()) ^ set(PROCESSES + STEPS + BESIDE))
    return f"{len(services())} services"


@check("compose: published on loopback only, bounded, watched, and nobody is root or floating")
def hygiene():
    must(hygiene_problems(services()))


def hygiene_problems(found):
    for name, service in found.items():
        for port in service.get("ports") or []:
            if port.get("host_ip") != "127.0.0.1":
                yield f"{name}: port {port.get('published')} is published on {port.get('host_ip') or 'every address'}"
        limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
        if not limits.get("memory") or not limits.get("cpus"):
            yield f"{name}: no limit of memory or processors"
        if name not in STEPS and not service.get("healthcheck", {}).get("test"):
            yield f"{name}: no health check"
        if name in PROCESSES + STEPS and (not service.get("read_only") or service.get("cap_drop") != ["ALL"]):
            yield f"{name}: must be read-only and without capabilities"
        if service.get("privileged") or service.get("network_mode") == "host":
            yield f"{name}: privileged, or on the host's network"
        if not re.search(r":v?\d", service["image"]):
            yield f"{name}: {service['image']} names no version"


@check("compose: steps come before the processes, in the order that they need")
def order():
    needed = {"topic": {"installation", "kafka"}, "schema": {"installation", "scylla"}, **{name: {"topic", "schema"} for name in PROCESSES}}
    problems = []
    for name, before in needed.items():
        for one in sorted(before):
            wanted = "service_completed_successfully" if one in STEPS else "service_healthy"
            found = services()[name].get("depends_on", {}).get(one, {}).get("condition")
            problems += [f"{name}: waits for {one} until {found}, not {wanted}"] * (found != wanted)
    must(problems)


@check("compose: every QUIETPULSE_ variable is a setting")
def variables():
    must(problem for name, service in services().items() for problem in settings.variable_problems(name, service.get("environment") or {}))


@check("compose: the server takes each process's configuration")
def accepted():
    must(accepted_problems(services(), settings.server()))


def accepted_problems(found, server):
    in_image = dict(value.split("=", 1) for value in image.values(image.final_stage(), "ENV"))
    for name in [*PROCESSES, "topic", "schema"]:
        verdict = settings.verdict(server, {**in_image, **(found[name].get("environment") or {})})
        if verdict:
            yield f"{name}: {verdict}"


@check("compose: the server knows the commands of the steps")
def commands():
    server, problems = settings.server(), []
    for name in STEPS:
        command = services()[name]["command"]
        if name == "installation":
            command = command[0].split("quietpulse ", 1)[1].split()
        problems += settings.command_problems(name, server, command)
    must(problems)


@check("compose: names of other services, files and volumes lead somewhere")
def references():
    problems, volumes = [], set(project()["volumes"])
    for name, service in services().items():
        for value in (service.get("environment") or {}).values():
            for host in re.findall(r"(?:^|,|@|//)([a-z]+(?:-\d)?):\d{4}\b", str(value)):
                problems += [f"{name}: {value} names no service"] * (host not in services())
        for volume in service.get("volumes") or []:
            there = volume["source"] in volumes if volume["type"] == "volume" else (DEPLOY / volume["source"]).exists()
            problems += [f"{name}: {volume['source']} is not there"] * (not there)
    targets = {target for job in scrape()["scrape_configs"] for group in job["static_configs"] for target in group["targets"]}
    problems += [f"prometheus.yml: {name} is not scraped" for name in PROCESSES if f"{name}:8082" not in targets]
    problems += [f"prometheus.yml: {target} is no process" for target in targets if target.removesuffix(":8082") not in PROCESSES]
    must(problems)


def scrape():
    return yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())


@check("compose: the processes' health check is the image's, HAProxy's asks HAProxy")
def health():
    problems = [f"{name}: {found}" for name in PROCESSES for found in image.health_problems(services()[name]["healthcheck"]["test"], "8082")]
    must([*problems, *image.health_problems(services()["haproxy"]["healthcheck"]["test"], "8404")])


@check("compose: an installation that is there is not made again")
def installation_kept():
    """Runs the step's shell line with a stand-in for the server and for the volume."""
    line = services()["installation"]["command"]
    with tempfile.TemporaryDirectory() as directory:
        here = pathlib.Path(directory)
        (here / "quietpulse").write_text('#!/bin/bash\necho "$@" >> "$TRACE"\necho secret > "${@: -1}"\n')
        (here / "quietpulse").chmod(0o755)
        environment = {"PATH": f"{here}:/usr/bin:/bin", "TRACE": str(here / "trace")}
        for _ in range(2):
            text = line[0].replace("/installation/", f"{here}/")
            subprocess.run([*services()["installation"]["entrypoint"], text], env=environment, check=True)
        trace = (here / "trace").read_text().splitlines()
    must([] if len(trace) == 1 and trace[0].startswith("admin installation create --shards ") else [f"ran {trace}"])
