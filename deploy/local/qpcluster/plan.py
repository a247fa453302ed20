"""What was chosen at the first start and has to stay: how many nodes, their ports, identities and passwords.

It lies as `plan.json` in the cluster's directory, readable by its owner only because of the passwords.
"""
import base64
import dataclasses
import json
import pathlib
import secrets
import uuid

from qpcluster import files, ports
from qpcluster.errors import Failed

FILE = "plan.json"
LOOPBACK = "127.0.0.1"
# Chosen once; another value needs an empty directory. The rest may change from start to start.
FIXED = ["kafka", "cassandra", "kafka_secure", "cassandra_secure"]
DEFAULTS = {
    "kafka": 1,
    "cassandra": 1,
    "kafka_secure": False,
    "cassandra_secure": False,
    "kafka_heap": "384m",
    "cassandra_heap": "768m",
    "kafka_uid": None,
    "cassandra_uid": None,
    "faketime": [],
}


@dataclasses.dataclass
class Plan:
    kafka: int
    cassandra: int
    kafka_secure: bool
    cassandra_secure: bool
    kafka_heap: str
    cassandra_heap: str
    kafka_uid: int | None
    cassandra_uid: int | None
    # Names of the nodes whose clock can be stepped.
    faketime: list
    # 22 characters, as Kafka wants them.
    cluster_id: str
    username: str
    password: str
    # Name of a port -> port. Kafka's carry the node's number, Cassandra's nodes share theirs at different addresses.
    ports: dict

    def names(self):
        kafka = [f"kafka-{number}" for number in range(1, self.kafka + 1)]
        return kafka + [f"cassandra-{number}" for number in range(1, self.cassandra + 1)]

    def save(self, directory):
        files.write(pathlib.Path(directory) / FILE, json.dumps(dataclasses.asdict(self), indent=2) + "\n", mode=0o600)


def load(directory):
    """The plan of an earlier start, or None."""
    try:
        return Plan(**json.loads((pathlib.Path(directory) / FILE).read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Failed(f"{directory}/{FILE} is damaged ({error}): end what runs there by hand and remove the directory") from None


def cassandra_host(number):
    return f"127.0.0.{number}"


def new_cluster_id():
    """A random UUID as Kafka writes one. Like Kafka's own it never begins with a dash, which a command line would take for an option."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not made.startswith("-"):
            return made


def make(options, chooser=None):
    """A plan for an empty directory. `options`: what was given on the command line, None where nothing was."""
    chooser = chooser or ports.Chooser()
    chosen = {key: default if options.get(key) is None else options[key] for key, default in DEFAULTS.items()}
    plan = Plan(
        **chosen,
        cluster_id=new_cluster_id(),
        username="quietpulse",
        password=secrets.token_hex(16),
        ports=choose_ports(chosen["kafka"], chosen["cassandra"], chooser),
    )
    check(plan)
    return plan


def choose_ports(kafka, cassandra, chooser):
    chosen = {}
    for number in range(1, kafka + 1):
        for use in ["clients", "controller", "secure"]:
            chosen[f"kafka-{number}-{use}"] = chooser.take([LOOPBACK])
    if cassandra:
        hosts = [cassandra_host(number) for number in range(1, cassandra + 1)]
        for use in ["native", "storage", "storage-tls"]:
            chosen[f"cassandra-{use}"] = chooser.take(hosts)
    for number in range(1, cassandra + 1):
        chosen[f"cassandra-{number}-jmx"] = chooser.take([LOOPBACK])
    return chosen


def merge(plan, options):
    """The plan with this start's options; refuses those that an existing cluster cannot change."""
    for key, value in options.items():
        if value is None or value == getattr(plan, key):
            continue
        if key in FIXED:
            option = key.replace("_", "-")
            raise Failed(
                f"this cluster was made with {option} = {getattr(plan, key)}, which cannot become {value}: "
                "leave the option out, or begin anew after `cluster down --wipe`"
            )
        setattr(plan, key, value)
    check(plan)
    return plan


def check(plan):
    strangers = [name for name in plan.faketime if name not in plan.names()]
    if strangers:
        raise Failed(f"--faketime {strangers[0]}: there is no such node, only {', '.join(plan.names())}")
    if not plan.names():
        raise Failed("neither a Kafka nor a Cassandra node was asked for")
