"""The metrics that the code has, and those that a query uses."""
import functools
import re

from .tools import DEPLOY, ROOT

# Labels that Prometheus and the scrape add: prometheus.yml, and the chart's PodMonitor.
ADDED_LABELS = {"job", "instance", "role", "le", "namespace", "pod"}
# Series that are not ours: Prometheus' own about scraping and alerting.
OWN_OF_PROMETHEUS = {"up": set(), "ALERTS": {"alertname", "alertstate"}}
SUFFIXES = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


@functools.cache
def known():
    """Names of series to their labels, from the metric.rs of every crate and from the rules that record."""
    found = {name: set(labels) for name, labels in OWN_OF_PROMETHEUS.items()}
    for kind, name, labels in in_source(sources()):
        for suffix in SUFFIXES[kind]:
            found.setdefault(name + suffix, set()).update(labels)
    for record in re.findall(r"record: (\S+)", (DEPLOY / "prometheus/slo.yml").read_text()):
        found[record] = set()
    return found


def sources():
    files = [*ROOT.glob("crates/*/src/**/metric.rs"), *ROOT.glob("crates/*/src/telemetry/process.rs")]
    return "\n".join(file.read_text() for file in files)


def in_source(text):
    """(kind, name, labels) of each `counter!("name", "label" => …)`."""
    for found in re.finditer(r'\b(counter|gauge|histogram)!\(\s*"([a-z0-9_]+)"((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)', text):
        yield found[1], found[2], re.findall(r'"([a-z0-9_]+)"\s*=>', found[3])


# What is no series in PromQL: functions, keywords, and names of labels after by and the like.
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^{}]*)\}")
NAME = re.compile(r"(?<![\w:.$])([a-zA-Z_:][a-zA-Z0-9_:]*)(?!\s*\(|[\w:])")
KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "offset", "bool", "inf", "nan"}


def problems(where, query):
    """What a query uses that nothing has."""
    labels = [(found[1], re.findall(r'([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)', found[2])) for found in SELECTOR.finditer(query)]
    bare = re.sub(r'"[^"]*"', '""', query)
    bare = GROUPING.sub(" ", bare)
    bare = re.sub(r"\{[^{}]*\}|\[[^\]]*\]", " ", bare)
    names = {name for name in NAME.findall(bare) if name.lower() not in KEYWORDS}
    for name in sorted(names - known().keys()):
        yield f"{where}: {name} is no metric of the code and no recorded rule"
    for name, used in labels:
        for label in sorted(set(used) - known().get(name, set(used)) - ADDED_LABELS):
            yield f"{where}: {name} has no label {label}"
    for grouping in re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", query):
        used = {label.strip() for label in grouping.split(",") if label.strip()}
        have = set().union(*(known().get(name, set()) for name in names), ADDED_LABELS)
        for label in sorted(used - have):
            yield f"{where}: none of {', '.join(sorted(names))} has the label {label}"
    if not names:
        yield f"{where}: uses no metric at all"
