"""Grafana's dashboards and provisioning."""
import json
import pathlib
import re
import tempfile

import yaml

from . import metrics
from .check import check, must
from .rules import promtool
from .tools import DEPLOY, run

GRAFANA = DEPLOY / "grafana"
WANTED = {"overview", "ingest", "evaluator", "notifier", "store"}
VARIABLES = {"$__rate_interval": "5m", "$job": "quietpulse", "$instance": ".+"}


def boards():
    return {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}


def queries(name, board):
    """(where, expression) of every panel, annotation and variable."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"{name}: {panel['title']}", target["expr"]
    for annotation in board["annotations"]["list"]:
        yield f"{name}: annotation {annotation['name']}", annotation["expr"]
    for variable in board["templating"]["list"]:
        inner = re.fullmatch(r"label_values\((.*), \w+\)", variable.get("definition", ""))
        if inner:
            yield f"{name}: variable {variable['name']}", inner[1]


def every_query():
    return [found for name, board in boards().items() for found in queries(name, board)]


def filled(expression):
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


@check("grafana: every query uses only metrics and labels that the code has")
def names():
    must(problem for where, expression in every_query() for problem in metrics.problems(where, filled(expression)))
    return f"{len(every_query())} queries"


@check("grafana: promtool parses every query")
def parse():
    rules = [{"record": f"query:{number}", "expr": filled(expression)} for number, (_, expression) in enumerate(every_query())]
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "queries.yml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
        run(promtool(), "check", "rules", path)


@check("grafana: every metric of the code that a rule watches, and every other one, is on a dashboard")
def coverage():
    text = " ".join(expression for _, expression in every_query())
    found = {name for _, name, _ in metrics.in_source(metrics.sources())}
    must(f"{name} is on no dashboard" for name in sorted(found) if not re.search(rf"\b{name}(_bucket|_count|_sum)?\b", text))
    return f"{len(found)} metrics"


@check("grafana: dashboards are whole, and hold together")
def structure():
    must([*(f"{name}: expected exactly {sorted(WANTED)}" for name in WANTED ^ boards().keys()), *(problem for name, board in boards().items() for problem in structure_problems(name, board))])


def structure_problems(name, board):
    panels = board["panels"]
    if board["uid"] != f"quietpulse-{name}" or "quietpulse" not in board["tags"]:
        yield f"{name}: uid {board['uid']}, tags {board['tags']}"
    ids = [panel["id"] for panel in panels]
    if len(set(ids)) != len(ids):
        yield f"{name}: ids of panels are not unique"
    declared = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\}?", json.dumps(board)))
    for variable in sorted((used - declared) | ({"datasource", "job"} - declared)):
        yield f"{name}: variable {variable} is not declared"
    for panel in panels:
        where, place = f"{name}: {panel['title']}", panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"{where}: wider than the page"
        if panel["type"] == "row":
            continue
        sources = [panel.get("datasource"), *(target.get("datasource") for target in panel["targets"])]
        if any(source != {"type": "prometheus", "uid": "${datasource}"} for source in sources):
            yield f"{where}: not on the chosen data source"
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{where}: no unit"
    for one, other in ((a, b) for index, a in enumerate(panels) for b in panels[index + 1 :]):
        if overlap(one["gridPos"], other["gridPos"]):
            yield f"{name}: {one['title']} lies over {other['title']}"


def overlap(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


@check("grafana: provisioning leads to the dashboards and to Prometheus")
def provisioning():
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/quietpulse.yml").read_text())["providers"][0]
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    mounts = {mount.split(":")[1]: mount.split(":")[0] for mount in compose["grafana"]["volumes"] if ":" in mount}
    home = pathlib.Path(compose["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    must(
        [
            *(["the data source is no Prometheus of compose.yaml"] * (source["url"] != "http://prometheus:9090" or "prometheus" not in compose)),
            *(["dashboards are mounted elsewhere"] * (mounts.get(provider["options"]["path"]) != "./grafana/dashboards")),
            *(["the home dashboard is not there"] * (str(home.parent) != provider["options"]["path"] or home.stem not in boards())),
        ]
    )
