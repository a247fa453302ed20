"""The checks themselves: each must find a fault that is planted for it."""
import copy

from . import chart, compose, dashboards, kube, metrics, settings
from .check import check, must


def unnoticed(cases):
    """Cases (what was planted, problems found) in which nothing was found."""
    must(f"{what} goes unnoticed" for what, found in cases if not list(found))


@check("planted: faults in queries are found")
def queries():
    unnoticed(
        [
            ("a metric that is not there", metrics.problems("planted", "sum(rate(ingest_replies_total[5m]))")),
            ("a metric of another exporter", metrics.problems("planted", 'kafka_server_underreplicated{job="kafka"} > 0')),
            ("a label that is not there", metrics.problems("planted", 'ingest_requests_total{status="200"}')),
            ("a grouping that is not there", metrics.problems("planted", "sum by (tenant) (eval_lag_records)")),
            ("a histogram without its suffix", metrics.problems("planted", "rate(ingest_ack_seconds[5m])")),
            ("a rule that nothing records", metrics.problems("planted", "quietpulse:ping_errors:ratio_rate2m > 1")),
        ]
    )
    must(metrics.problems("sound", 'sum by (le) (rate(ingest_ack_seconds_bucket{job="quietpulse"}[5m] offset 1h)) > bool 1'))


@check("planted: faults in settings are found")
def unknown_settings():
    unnoticed(
        [
            ("an unknown variable", settings.variable_problems("planted", {"QUIETPULSE_KAFKA_BROKER": "a:1"})),
            ("an unknown key", settings.file_problems("planted", "[kafka]\nbroker = []")),
            ("a number instead of a length", settings.file_problems("planted", "[kafka]\nlinger = 3")),
        ]
    )


@check("planted: faults in compose.yaml are found")
def compose_faults():
    def with_fault(change):
        services = copy.deepcopy(compose.services())
        change(services)
        return compose.hygiene_problems(services)

    unnoticed(
        [
            ("a port on every address", with_fault(lambda services: services["haproxy"]["ports"][0].update(host_ip="0.0.0.0"))),
            ("no limit", with_fault(lambda services: services["kafka"].pop("deploy"))),
            ("no health check", with_fault(lambda services: services["api"].pop("healthcheck"))),
            ("a floating version", with_fault(lambda services: services["grafana"].update(image="grafana/grafana:latest"))),
            ("a file system that can be written", with_fault(lambda services: services["ingest-1"].update(read_only=False))),
        ]
    )


@check("planted: faults in Kubernetes' resources are found")
def kubernetes_faults():
    def changed(variant, kind, change, look):
        resources = copy.deepcopy(chart.rendered(variant))
        change(chart.of_kind(resources, kind)[0])
        return look(resources)

    schema = lambda resources: (problem for resource in resources for problem in kube.problems(resource))
    pods = lambda resources: (problem for name, pod, resource in chart.pods(resources) for problem in chart.pod_problems(name, pod["spec"], resource))
    container = lambda resource: resource["spec"]["template"]["spec"]["containers"][0]
    unnoticed(
        [
            ("a field that is not there", changed("defaults", "Deployment", lambda one: container(one).update(imagePullPolcy="Always"), schema)),
            ("a text for a number", changed("defaults", "PodDisruptionBudget", lambda one: one["spec"].update(maxUnavailable=[1]), schema)),
            ("a required field that lacks", changed("defaults", "StatefulSet", lambda one: one["spec"].pop("selector"), schema)),
            ("an unknown field for KEDA", changed("keda", "ScaledObject", lambda one: one["spec"].update(minReplicas=2), schema)),
            ("a trigger without metadata for KEDA", changed("keda", "ScaledObject", lambda one: one["spec"]["triggers"][0].pop("metadata"), schema)),
            ("an unknown field of a PodMonitor", changed("everything", "PodMonitor", lambda one: one["spec"]["podMetricsEndpoints"][0].update(pathh="/"), schema)),
            ("a rule without its expression", changed("everything", "PrometheusRule", lambda one: one["spec"]["groups"][0]["rules"][0].pop("expr"), schema)),
            ("a liveness probe of readiness", changed("defaults", "Deployment", lambda one: container(one)["livenessProbe"]["httpGet"].update(path="/readyz"), pods)),
            ("a pod that may be root", changed("defaults", "Deployment", lambda one: one["spec"]["template"]["spec"]["securityContext"].pop("runAsNonRoot"), pods)),
            ("a selector of nobody", changed("defaults", "Service", lambda one: one["spec"]["selector"].update(tier="x"), chart.reference_problems)),
            ("a secret that comes too late", changed("secrets as values", "Job", lambda one: one["metadata"]["annotations"].update({"helm.sh/hook-weight": "-10"}), chart.reference_problems)),
            ("a configuration that is not there", changed("defaults", "ConfigMap", lambda one: one["metadata"].update(name="other"), chart.reference_problems)),
        ]
    )


@check("planted: faults in dashboards are found")
def dashboard_faults():
    def with_fault(change):
        board = copy.deepcopy(dashboards.boards()["overview"])
        change(board)
        return dashboards.structure_problems("overview", board)

    unnoticed(
        [
            ("a fixed data source", with_fault(lambda board: board["panels"][1]["targets"][0].update(datasource={"type": "prometheus", "uid": "abc"}))),
            ("a variable that is not declared", with_fault(lambda board: board["templating"]["list"].pop(1))),
            ("panels that overlap", with_fault(lambda board: board["panels"][2].update(gridPos=board["panels"][1]["gridPos"]))),
            ("an id that is there twice", with_fault(lambda board: board["panels"][2].update(id=1))),
        ]
    )
