"""`cluster.json`: where a running cluster is found. It is there while the cluster is up."""
import json

from qpcluster import files, tls

FILE = "cluster.json"


def write(plan, directory, nodes):
    text = json.dumps(describe(plan, directory, nodes), indent=2) + "\n"
    files.write(directory / FILE, text, mode=0o600 if plan.kafka_secure or plan.cassandra_secure else 0o644)


def describe(plan, directory, nodes):
    kafka = [node for node in nodes if node.KIND == "kafka"]
    cassandra = [node for node in nodes if node.KIND == "cassandra"]
    found = {
        "kafka": {"brokers": addresses(kafka), "pids": pids(kafka)},
        "cassandra": {"nodes": addresses(cassandra), "pids": pids(cassandra), "jmx": [n.jmx_port() for n in cassandra]},
    }
    login = {"ca_file": str(directory / "tls" / tls.CA_CERTIFICATE), "username": plan.username, "password": plan.password}
    if plan.kafka_secure:
        found["kafka"]["secure"] = {"brokers": [node.secure_address() for node in kafka], **login}
    if plan.cassandra_secure:
        found["cassandra"]["secure"] = {"nodes": addresses(cassandra), **login}
    return found


def addresses(nodes):
    return [node.address() for node in nodes]


def pids(nodes):
    """One a node, null where none runs."""
    return [node.pid_file.pid() for node in nodes]


def remove(directory):
    (directory / FILE).unlink(missing_ok=True)


def exports(nodes):
    """Lines for a shell."""
    lists = {"QP_KAFKA": "kafka", "QP_CASSANDRA": "cassandra"}
    found = {name: ",".join(addresses(n for n in nodes if n.KIND == kind)) for name, kind in lists.items()}
    assignments = [f"{name}={value}" for name, value in found.items() if value]
    return "export " + " ".join(assignments)
