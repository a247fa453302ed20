"""Kubernetes' schemas, and those of the two operators whose objects the chart can make."""
import json

import jsonschema
import kubernetes_validate
import yaml

from .tools import KEDA, PROMETHEUS_OPERATOR, module, once

# The oldest that Chart.yaml allows, and the newest that there are schemas of.
VERSIONS = ["1.27", "1.37"]
CUSTOM = {
    "ScaledObject": (KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "PodMonitor": (PROMETHEUS_OPERATOR, "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"),
    "PrometheusRule": (PROMETHEUS_OPERATOR, "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"),
}


def problems(resource):
    """What a resource's schema has against it; an unknown field counts."""
    name = f"{resource.get('kind')}/{resource.get('metadata', {}).get('name')}"
    if resource["kind"] in CUSTOM:
        for error in custom(resource["kind"], resource["apiVersion"]).iter_errors(resource):
            yield f"{name}: {'.'.join(map(str, error.path))}: {error.message}"
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name} on {version}: {'.'.join(map(str, error.path))}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{name}: {error.message}"


@once
def custom(kind, api_version):
    """A validator of a custom resource, from the definition that its operator's Go module ships."""
    source, path = CUSTOM[kind]
    definition = yaml.safe_load((module(source) / path).read_text())["spec"]
    versions = {f"{definition['group']}/{version['name']}": version["schema"]["openAPIV3Schema"] for version in definition["versions"]}
    return jsonschema.Draft7Validator(closed(versions[api_version]))


def closed(schema):
    """The schema with unknown fields refused, as the API server's strict mode does it; metadata aside."""
    schema = json.loads(json.dumps(schema))

    def close(node):
        if isinstance(node, dict):
            if "properties" in node and "additionalProperties" not in node and not node.get("x-kubernetes-preserve-unknown-fields"):
                node["additionalProperties"] = False
            if node.get("x-kubernetes-int-or-string"):
                node.pop("type", None)
            for child in node.values():
                close(child)
        elif isinstance(node, list):
            for child in node:
                close(child)

    close(schema)
    schema["properties"]["metadata"] = {"type": "object"}
    return schema
