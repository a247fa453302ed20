"""One Kafka node: broker and controller in one process (KRaft)."""
import subprocess

from qpcluster import files, java, kafka_wire, tls
from qpcluster.errors import Failed
from qpcluster.node import Node
from qpcluster.plan import LOOPBACK
from qpcluster.process import spawn

FORMAT_SECONDS = 120

LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d{ISO8601} %p %c{1} %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="INFO"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""


class KafkaNode(Node):
    KIND = "kafka"
    LOG_MARK = "Kafka Server started"

    def port(self, use, number=None):
        return self.plan.ports[f"kafka-{number or self.number}-{use}"]

    def address(self):
        return f"{LOOPBACK}:{self.port('clients')}"

    def secure_address(self):
        return f"{LOOPBACK}:{self.port('secure')}"

    def listens(self):
        return [(LOOPBACK, self.port(use)) for use in ["clients", "controller", "secure"]]

    def configure(self):
        files.write(self.home / "server.properties", self.properties(), mode=0o600)
        files.write(self.home / "log4j2.xml", LOGGING)
        if self.plan.kafka_secure:
            tls.server_pem(self.directory, self.home, LOOPBACK)

    def properties(self):
        lines = {**self.identity(), **self.replication(), **self.failure_detection(), **self.economy()}
        lines.update(self.security() if self.plan.kafka_secure else {})
        return "".join(f"{key}={value}\n" for key, value in lines.items())

    def identity(self):
        brokers = range(1, self.plan.kafka + 1)
        voters = ",".join(f"{number}@{LOOPBACK}:{self.port('controller', number)}" for number in brokers)
        listeners = {"CLIENTS": self.address()}
        if self.plan.kafka_secure:
            listeners["SECURE"] = self.secure_address()
        clients = [f"{name}://{address}" for name, address in listeners.items()]
        return {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "CLIENTS",
            "listeners": ",".join([*clients, f"CONTROLLER://{LOOPBACK}:{self.port('controller')}"]),
            "advertised.listeners": ",".join(clients),
            "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
            "log.dirs": self.data,
        }

    def replication(self):
        """As an operator would have it: an acknowledged record is on two of three brokers."""
        brokers = self.plan.kafka
        enough = 2 if brokers > 2 else 1
        return {
            "default.replication.factor": brokers,
            "min.insync.replicas": enough,
            "offsets.topic.replication.factor": brokers,
            "transaction.state.log.replication.factor": brokers,
            "transaction.state.log.min.isr": enough,
            "share.coordinator.state.topic.replication.factor": brokers,
            "share.coordinator.state.topic.min.isr": enough,
            "unclean.leader.election.enable": "false",
            "auto.create.topics.enable": "false",
        }

    def failure_detection(self):
        """A broker that is silent for 3 s is fenced (Kafka's own values: 9 s, and 30 s for a replica that lags)."""
        return {
            "broker.heartbeat.interval.ms": 500,
            "broker.session.timeout.ms": 3000,
            "replica.lag.time.max.ms": 3000,
            "group.min.session.timeout.ms": 1000,
            "group.initial.rebalance.delay.ms": 0,
        }

    def economy(self):
        """Few threads and small files: the machine runs all nodes and the product under test."""
        return {
            "num.network.threads": 2,
            "num.io.threads": 2,
            "num.recovery.threads.per.data.dir": 1,
            "background.threads": 2,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.num.partitions": 4,
            "log.segment.bytes": 64 * 1024 * 1024,
            "log.index.size.max.bytes": 1024 * 1024,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            "metadata.log.segment.bytes": 8 * 1024 * 1024,
        }

    def security(self):
        user, password = self.plan.username, self.plan.password
        module = "org.apache.kafka.common.security"
        scram = f"{module}.scram.ScramLoginModule required;"
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.home / tls.SERVER_PEM,
            "ssl.client.auth": "none",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.secure.plain.sasl.jaas.config": (
                f'{module}.plain.PlainLoginModule required user_{user}="{password}";'
            ),
            "listener.name.secure.scram-sha-256.sasl.jaas.config": scram,
            "listener.name.secure.scram-sha-512.sasl.jaas.config": scram,
        }

    def run(self, main, *arguments):
        options = [f"-Dlog4j2.configurationFile=file://{self.home}/log4j2.xml"]
        jars = self.runtime.jars["kafka"]
        return java.command(self.runtime.java, self.heap, jars, self.temporary, options, main, *arguments)

    def command(self):
        return self.run("kafka.Kafka", self.home / "server.properties")

    def format(self):
        """Gives an empty data directory the cluster's id, and the SCRAM users."""
        if (self.data / "meta.properties").exists():
            return
        arguments = ["format", f"--cluster-id={self.plan.cluster_id}", "-c", self.home / "server.properties"]
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] if self.plan.kafka_secure else []:
            user = f"name={self.plan.username},password={self.plan.password}"
            arguments += ["--add-scram", f"{mechanism}=[{user}]"]
        command = self.run("kafka.tools.StorageTool", *arguments)
        child = spawn(command, self.log, self.runtime.environment, self.home, self.uid)
        try:
            status = child.wait(timeout=FORMAT_SECONDS)
        except subprocess.TimeoutExpired:
            status = "no end"
        finally:
            child.kill()
            child.wait()
        if status != 0:
            raise Failed(f"{self.name} could not format its data directory ({status})\n{self.last_lines()}")

    def serves(self):
        """The broker answers, and knows of at least one that is alive."""
        return kafka_wire.brokers(LOOPBACK, self.port("clients")) > 0
