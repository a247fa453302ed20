"""The Helm chart."""
import json
import pathlib
import re
import subprocess
import tempfile

import yaml

from . import kube, settings
from .check import Wrong, check, must
from .tools import DEPLOY, helm, once, run

CHART = DEPLOY / "helm/quietpulse"
ROLES = ["ingest", "evaluator", "notifier", "api"]
EVERYTHING = [
    "evaluator.autoscaling.mode=hpa",
    "networkPolicy.enabled=true",
    "podMonitor.enabled=true",
    "prometheusRule.enabled=true",
    "grafanaDashboards.enabled=true",
    "smtp.server=mail.example.org:587",
    "smtp.from=QuietPulse <alerts@example.org>",
    "smtp.username=quietpulse",
    "smtp.password=p\"ss",
    "kafka.sasl.mechanism=scram-sha-512",
    "kafka.sasl.username=quietpulse",
    "kafka.sasl.password=p",
    "kafka.tls.enabled=true",
    "kafka.tls.existingSecret=kafka-tls",
    "kafka.tls.clientCertificate=true",
    "scylla.tls.enabled=true",
    "scylla.tls.existingSecret=scylla-tls",
    "scylla.username=quietpulse",
    "scylla.password=s",
    "http.trustedProxies={10.0.0.0/8}",
    "notifications.egressAllow={192.168.1.0/24}",
    "extraEnv[0].name=QUIETPULSE_KAFKA_LINGER",
    "extraEnv[0].value=5ms",
    "ingest.env[0].name=QUIETPULSE_HTTP_WORKERS",
    "text:ingest.env[0].value=4",
    "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring",
    "networkPolicy.apiFrom[0].namespaceSelector.matchLabels.name=edge",
]
# Name to what is set; each is rendered, and held against every schema and rule below.
VARIANTS = {
    "defaults": [],
    "secrets that are there": ["installation.existingSecret=qp", "kafka.sasl.mechanism=plain", "kafka.sasl.username=u", "kafka.sasl.existingSecret=kafka", "scylla.username=u", "scylla.existingSecret=scylla", "scylla.existingSecretKey=pw", "serviceAccount.create=false"],
    "secrets as values": ["installation.contents=version = 1", "kafka.sasl.mechanism=plain", "kafka.sasl.username=u", "kafka.sasl.password=p", "scylla.username=u", "scylla.password=s"],
    "keda": ["evaluator.autoscaling.mode=keda", "evaluator.autoscaling.keda.authenticationRef=prometheus", "podMonitor.enabled=true"],
    "ingress": ["ingress.enabled=true", "ingress.className=nginx", "ingress.tlsSecretName=tls", "apiIngress.enabled=true", "http.publicUrl=https://ping.example.org", "text:ingress.annotations.nginx\\.ingress\\.kubernetes\\.io/enable-access-log=false"],
    "minimal": ["ingest.autoscaling.enabled=false", *(f"{role}.replicas=1" for role in ROLES), *(f"{role}.pdb.enabled=false" for role in ROLES), "setup.topic.enabled=false", "setup.schema.enabled=false", "kafka.replication=1", "kafka.minInSync=1", "scylla.replication=1"],
    "everything": EVERYTHING,
}
# What must be refused, each for one reason.
REFUSED = {
    "an unknown value": ["kafka.broker=a:1"],
    "no broker": ["kafka.brokers=null"],
    "a broker without its port": ["kafka.brokers={kafka}"],
    "a length without its unit": ["kafka.appendTimeout=5"],
    "a shutdown delay that the server refuses": ["ingest.shutdownDelay=25s"],
    "a grace period shorter than the process takes": ["api.terminationGracePeriodSeconds=20"],
    "two sources of the installation": ["installation.contents=a", "installation.existingSecret=b"],
    "an unknown way to scale": ["evaluator.autoscaling.mode=vpa"],
    "a public URL that is none": ["http.publicUrl=ping.example.org"],
}


def template(arguments, name="pulse"):
    # "text:" marks a value that must stay a text although it looks like a number or a truth.
    sets = [f"--set-string={one[5:]}" if one.startswith("text:") else f"--set={one}" for one in arguments]
    return run(helm(), "template", name, CHART, "--namespace", "watch", "--kube-version", "1.31.0", *sets)


@once
def rendered(variant):
    """The resources of a variant."""
    return [resource for resource in yaml.safe_load_all(template(VARIANTS[variant])) if resource]


def of_kind(resources, *kinds):
    return [resource for resource in resources if resource["kind"] in kinds]


def pods(resources):
    """(name, pod template, resource) of everything that makes pods."""
    for resource in of_kind(resources, "Deployment", "StatefulSet", "Job"):
        yield resource["metadata"]["name"], resource["spec"]["template"], resource


def each_variant(function):
    must(f"{variant}: {problem}" for variant in VARIANTS for problem in function(rendered(variant)))


@check("chart: helm lint, strictly")
def lint():
    run(helm(), "lint", "--strict", CHART)


@check("chart: every variant fits Kubernetes' schemas, and those of KEDA and the Prometheus operator")
def schemas():
    each_variant(lambda resources: (problem for resource in resources for problem in kube.problems(resource)))
    return f"{sum(len(rendered(variant)) for variant in VARIANTS)} resources of {len(VARIANTS)} variants, Kubernetes {' and '.join(kube.VERSIONS)}"


@check("chart: every switch brings what it names")
def switches():
    wanted = {
        "defaults": {"Deployment": 3, "StatefulSet": 1, "Service": 3, "PodDisruptionBudget": 4, "HorizontalPodAutoscaler": 1, "Job": 2, "ConfigMap": 2, "ServiceAccount": 1},
        "secrets that are there": {"Secret": 0, "ServiceAccount": 0},
        "secrets as values": {"Secret": 4},
        "keda": {"ScaledObject": 1, "PodMonitor": 1, "HorizontalPodAutoscaler": 1},
        "ingress": {"Ingress": 2},
        "minimal": {"Job": 0, "PodDisruptionBudget": 0, "HorizontalPodAutoscaler": 0, "ConfigMap": 1},
        "everything": {"NetworkPolicy": 4, "PodMonitor": 1, "PrometheusRule": 1, "ConfigMap": 7, "HorizontalPodAutoscaler": 2, "Secret": 2},
    }
    must(
        f"{variant}: {len(of_kind(rendered(variant), kind))} of {kind}, expected {count}"
        for variant, kinds in wanted.items()
        for kind, count in kinds.items()
        if len(of_kind(rendered(variant), kind)) != count
    )


@check("chart: what is wrong is refused before anything is installed")
def refused():
    problems = []
    for what, sets in REFUSED.items():
        try:
            template(sets)
            problems.append(f"{what} is taken: {sets}")
        except subprocess.CalledProcessError:
            pass
    must(problems)


@check("chart: every process gets a configuration that the server knows")
def known_settings():
    def problems(resources):
        for config in of_kind(resources, "ConfigMap"):
            if "quietpulse.toml" in config["data"]:
                yield from settings.file_problems(config["metadata"]["name"], config["data"]["quietpulse.toml"])
        for name, pod, _ in pods(resources):
            yield from settings.variable_problems(name, environment(pod))

    each_variant(problems)


def environment(pod):
    return {one["name"]: one.get("value", "secret") for one in pod["spec"]["containers"][0].get("env") or []}


@check("chart: the server takes each process's configuration")
def accepted():
    server = settings.server()

    def problems(resources):
        configs = {config["metadata"]["name"]: config["data"].get("quietpulse.toml") for config in of_kind(resources, "ConfigMap")}
        for name, pod, _ in pods(resources):
            config = next(volume["configMap"]["name"] for volume in pod["spec"]["volumes"] if volume["name"] == "config")
            # What Kubernetes fills in. Whether the files of a certificate are there is for the cluster to say.
            variables = {key: value.replace("$(POD_NAME)", "pod-0") for key, value in environment(pod).items() if key.startswith("QUIETPULSE_")}
            with tempfile.TemporaryDirectory() as directory:
                root = pathlib.Path(directory)
                file = root / "quietpulse.toml"
                file.write_text(with_files(configs[config], root))
                verdict = settings.verdict(server, variables, file)
            if verdict:
                yield f"{name}: {verdict}"
            yield from settings.command_problems(name, server, pod["spec"]["containers"][0]["args"])

    each_variant(problems)


def with_files(text, root):
    """The configuration with each certificate's file, and the installation's, in a directory that is there."""

    def put(found):
        path = root / found[2].strip("/").replace("/", "_")
        path.write_text("")
        return f"{found[1]} = {json.dumps(str(path))}"

    return re.sub(r'^(\w+_file|installation) = "(/[^"]+)"', put, text, flags=re.MULTILINE)


@check("chart: pods are not root, cannot write, have limits, probes and time to end")
def hygiene():
    each_variant(lambda resources: (problem for name, pod, resource in pods(resources) for problem in pod_problems(name, pod["spec"], resource)))


def pod_problems(name, pod, resource):
    container = pod["containers"][0]
    security, whole = container.get("securityContext", {}), pod.get("securityContext", {})
    if not whole.get("runAsNonRoot") or whole.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{name}: may be root, or without seccomp"
    if not security.get("readOnlyRootFilesystem") or security.get("allowPrivilegeEscalation") is not False or security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield f"{name}: the container's security context is too wide"
    if pod.get("automountServiceAccountToken") is not False or pod.get("enableServiceLinks") is not False:
        yield f"{name}: gets a token of Kubernetes' API, or variables named after Services"
    if not container["resources"].get("requests") or not container["resources"].get("limits", {}).get("memory"):
        yield f"{name}: no requests, or no limit of memory"
    if resource["kind"] == "Job":
        return
    probes = {probe: container.get(f"{probe}Probe", {}).get("httpGet", {}).get("path") for probe in ("startup", "liveness", "readiness")}
    if probes != {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}:
        yield f"{name}: probes {probes}"
    if pod["terminationGracePeriodSeconds"] < 30:
        yield f"{name}: {pod['terminationGracePeriodSeconds']} s to end, the process takes up to 29 s"
    if not pod.get("affinity") or not pod.get("topologySpreadConstraints"):
        yield f"{name}: nothing keeps its pods apart"


@check("chart: selectors, ports, mounts and names lead somewhere")
def references():
    each_variant(reference_problems)


def reference_problems(resources):
    labels = {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["metadata"]["labels"] for _, pod, resource in pods(resources) if resource["kind"] != "Job"}
    ports = {pod["metadata"]["labels"]["app.kubernetes.io/component"]: {port["name"] for port in pod["spec"]["containers"][0].get("ports", [])} for _, pod, _ in pods(resources)}
    names = {(resource["kind"], resource["metadata"]["name"]) for resource in resources}
    services = {service["metadata"]["name"]: service for service in of_kind(resources, "Service")}
    for service in services.values():
        chosen = [role for role, own in labels.items() if service["spec"]["selector"].items() <= own.items()]
        if len(chosen) != 1 or not {port["targetPort"] for port in service["spec"]["ports"]} <= ports[chosen[0]]:
            yield f"Service {service['metadata']['name']} leads to {chosen}"
    for budget in of_kind(resources, "PodDisruptionBudget"):
        chosen = [role for role, own in labels.items() if budget["spec"]["selector"]["matchLabels"].items() <= own.items()]
        if chosen != [budget["metadata"]["labels"]["app.kubernetes.io/component"]]:
            yield f"PodDisruptionBudget {budget['metadata']['name']} is about {chosen}"
    for resource in of_kind(resources, "HorizontalPodAutoscaler", "ScaledObject"):
        target = resource["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) not in names:
            yield f"{resource['metadata']['name']} scales {target['name']}, which is not there"
        scaled = next((one for one in resources if (one["kind"], one["metadata"]["name"]) == (target["kind"], target["name"])), {"spec": {}})
        if "replicas" in scaled["spec"]:
            yield f"{target['name']} names its replicas although they are scaled"
    for stateful in of_kind(resources, "StatefulSet"):
        service = services.get(stateful["spec"]["serviceName"], {"spec": {}})["spec"]
        if service.get("clusterIP") != "None" or not service.get("publishNotReadyAddresses"):
            yield f"{stateful['spec']['serviceName']} gives no names to pods, or only to ready ones"
    for resource in of_kind(resources, "Ingress"):
        for rule in resource["spec"]["rules"]:
            backend = rule["http"]["paths"][0]["backend"]["service"]
            offered = {port["name"] for port in services.get(backend["name"], {"spec": {"ports": []}})["spec"]["ports"]}
            if backend["port"]["name"] not in offered:
                yield f"Ingress {resource['metadata']['name']} leads to {backend}"
    for name, pod, resource in pods(resources):
        yield from volume_problems(name, pod["spec"], resource, resources)


def volume_problems(name, pod, resource, resources):
    """Objects of the chart that a pod needs are there, for a hook's pod as hooks of a lower weight."""

    def weight(one):
        annotations = one["metadata"].get("annotations") or {}
        return int(annotations["helm.sh/hook-weight"]) if "helm.sh/hook" in annotations else None

    made = {(one["kind"], one["metadata"]["name"]): weight(one) for one in of_kind(resources, "ConfigMap", "Secret")}
    needed = [("ConfigMap", volume["configMap"]["name"]) for volume in pod["volumes"] if "configMap" in volume]
    needed += [("Secret", volume["secret"]["secretName"]) for volume in pod["volumes"] if "secret" in volume]
    needed += [("Secret", one["valueFrom"]["secretKeyRef"]["name"]) for one in pod["containers"][0].get("env") or [] if "secretKeyRef" in one.get("valueFrom", {})]
    for kind, wanted in needed:
        ours = wanted.startswith("pulse-") and (kind, wanted) != ("Secret", "pulse-quietpulse-installation") or (kind, wanted) in made
        if not ours:
            continue
        if (kind, wanted) not in made:
            yield f"{name} needs {kind} {wanted}, which is not there"
        elif (made[(kind, wanted)] is None) != (weight(resource) is None):
            yield f"{name} needs {kind} {wanted}, which comes at another time"
        elif weight(resource) is not None and made[(kind, wanted)] >= weight(resource):
            yield f"{name} needs {kind} {wanted}, which a later hook makes"
    mounts = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    if mounts != {volume["name"] for volume in pod["volumes"]}:
        yield f"{name}: mounts {mounts}"


@check("chart: evaluators say the name by which others find them")
def discovery():
    pod = next(pod for name, pod, _ in pods(rendered("defaults")) if name.endswith("-evaluator"))
    config = next(one for one in of_kind(rendered("defaults"), "ConfigMap") if "helm.sh/hook" not in (one["metadata"].get("annotations") or {}))
    found = environment(pod)["QUIETPULSE_GRPC_ADVERTISE"]
    host = "pulse-quietpulse-evaluator.watch.svc.cluster.local:8081"
    must([f"advertises {found}"] * (found != f"$(POD_NAME).{host}") + ["notifiers look elsewhere"] * (f'evaluators = ["{host}"]' not in config["data"]["quietpulse.toml"]))


@check("chart: rules and dashboards are the files of deploy/, as they stand")
def same_files():
    resources = rendered("everything")
    made = of_kind(resources, "PrometheusRule")[0]["spec"]["groups"]
    wanted = [group for name in ("slo.yml", "alerts.yml") for group in yaml.safe_load((DEPLOY / "prometheus" / name).read_text())["groups"]]
    problems = ["the rules differ"] * (json.dumps(made, sort_keys=True) != json.dumps(wanted, sort_keys=True))
    boards = {name: text for config in of_kind(resources, "ConfigMap") for name, text in config["data"].items() if name.endswith(".json")}
    for path in (DEPLOY / "grafana/dashboards").glob("*.json"):
        problems += [f"{path.name} differs"] * (json.loads(boards.get(path.name, "null")) != json.loads(path.read_text()))
    must(problems)


@check("chart: every value is in the schema, and every value of the schema has a default")
def documented():
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def problems(node, found, path):
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
        if node.get("additionalProperties") is not False:
            return
        for name in sorted(set(node["properties"]) ^ set(found)):
            if f"{path}{name}" != "global":
                yield f"{path}{name} is in one of values.yaml and values.schema.json only"
        for name in set(node["properties"]) & set(found):
            yield from problems(node["properties"][name], found[name], f"{path}{name}.")

    must(problems(schema, values, ""))


@check("chart: a packed chart holds what the links lead to")
def packed():
    with tempfile.TemporaryDirectory() as directory:
        run(helm(), "package", CHART, "--destination", directory)
        archive = next(pathlib.Path(directory).glob("*.tgz"))
        listed = run("tar", "tzf", archive)
        if "files/alerts.yml" not in listed or "files/dashboards/overview.json" not in listed:
            raise Wrong(listed)
        text = run(helm(), "template", "pulse", archive, "--kube-version", "1.31.0", "--set", "prometheusRule.enabled=true")
        must([] if "QuietPulseHeartbeat" in text else ["the rules are empty in the packed chart"])
