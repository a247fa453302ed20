"""Prometheus: configuration, rules, and the rules' own tests."""
import concurrent.futures
import functools
import pathlib
import re
import subprocess
import tempfile

import yaml

from . import metrics
from .check import Wrong, check, must
from .tools import DEPLOY, installed, run

PROMETHEUS = DEPLOY / "prometheus"
RULES = ["alerts.yml", "slo.yml"]
TESTS = ["alerts_test.yml", "slo_test.yml", "slo_slow_test.yml"]


@functools.cache
def promtool():
    return installed("promtool", "prometheus")


@functools.cache
def groups(name):
    return yaml.safe_load((PROMETHEUS / name).read_text())["groups"]


def all_rules():
    return [rule for name in RULES for group in groups(name) for rule in group["rules"]]


def alerts():
    return [rule["alert"] for rule in all_rules() if "alert" in rule]


@check("prometheus: promtool takes the configuration and every rule")
def configuration():
    run(promtool(), "check", "config", PROMETHEUS / "prometheus.yml")
    run(promtool(), "check", "rules", "--lint=all", "--lint-fatal", *(PROMETHEUS / name for name in RULES))
    return f"{len(alerts())} alerts, {len(all_rules()) - len(alerts())} recorded"


@check("prometheus: every rule uses only metrics and labels that the code has")
def names():
    must(problem for rule in all_rules() for problem in metrics.problems(rule.get("alert") or rule["record"], rule["expr"]))


@check("prometheus: every alert says how urgent it is and what to do")
def words():
    problems = []
    for rule in (rule for rule in all_rules() if "alert" in rule):
        if rule.get("labels", {}).get("severity") not in ("page", "ticket", "heartbeat"):
            problems.append(f"{rule['alert']}: severity must be page, ticket or heartbeat")
        problems += [f"{rule['alert']}: no {word}" for word in ("summary", "description") if not rule.get("annotations", {}).get(word)]
    problems += [f"{name} is there twice" for name in set(alerts()) if alerts().count(name) > 1]
    must(problems)


@check("prometheus: the tests of the alerts for symptoms")
def symptoms():
    run(promtool(), "test", "rules", PROMETHEUS / "tests/alerts_test.yml")


@check("prometheus: the tests of the fast burn-rate alerts")
def fast():
    run(promtool(), "test", "rules", PROMETHEUS / "tests/slo_test.yml")


@check("prometheus: the tests of the slow burn-rate alerts")
def slow():
    run(promtool(), "test", "rules", PROMETHEUS / "tests/slo_slow_test.yml")


def with_every_alert(expression, directory):
    """The rules with every alert's expression replaced, tests beside them; what promtool says of each test file."""
    here = pathlib.Path(directory)
    (here / "tests").mkdir()
    for name in RULES:
        changed = [{"name": group["name"], "rules": [{"alert": rule["alert"], "expr": expression} for rule in group["rules"] if "alert" in rule]} for group in groups(name)]
        (here / name).write_text(yaml.safe_dump({"groups": [group for group in changed if group["rules"]]}))
    for name in TESTS:
        text = (PROMETHEUS / "tests" / name).read_text()
        (here / "tests" / name).write_text(re.sub(r"^group_eval_order:.*\n", "", text, flags=re.MULTILINE))
    command = lambda name: [promtool(), "test", "rules", here / "tests" / name]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        done = pool.map(lambda name: subprocess.run(command(name), capture_output=True, text=True), TESTS)
        return "".join(one.stdout + one.stderr for one in done)


def unnoticed(expression, stood_for):
    """Alerts whose tests still pass with that expression instead of their own."""
    with tempfile.TemporaryDirectory() as directory:
        said = with_every_alert(expression, directory)
    if "FAILED" not in said:
        raise Wrong(f"promtool did not run the changed rules: {said[-2000:]}")
    failing = re.findall(r'expr: "(.*?)", time', said)
    return [f"{name}: {stood_for} goes unnoticed" for name in alerts() if not any(f'\\"{name}\\"' in text for text in failing)]


@check("prometheus: a test fails for each alert that would never fire")
def never():
    must(unnoticed("vector(1) > 2", "an alert that never fires"))


@check("prometheus: a test fails for each alert that would always fire")
def always():
    must(unnoticed("vector(1)", "an alert that always fires"))
