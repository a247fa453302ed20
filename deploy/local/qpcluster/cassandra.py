"""One Cassandra node."""
import json

from qpcluster import cql_wire, files, java, tls
from qpcluster.node import Node
from qpcluster.plan import LOOPBACK, cassandra_host

LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %level %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
"""
DATACENTER = "dc1"
TOKENS = 16

# What Cassandra's own start script opens on Java 17.
EXPORTS = {
    "java.base": ["jdk.internal.misc", "jdk.internal.ref", "java.lang.ref", "sun.nio.ch"],
    "java.management.rmi": ["com.sun.jmx.remote.internal.rmi"],
    "java.rmi": ["sun.rmi.registry", "sun.rmi.server", "sun.rmi.transport.tcp"],
    "java.sql": ["java.sql"],
    "jdk.unsupported": ["sun.misc"],
    "jdk.attach": ["sun.tools.attach"],
}
OPENS = {
    "java.base": [
        "java.io",
        "java.lang",
        "java.lang.module",
        "java.lang.reflect",
        "java.math",
        "java.net",
        "java.nio",
        "java.util",
        "java.util.concurrent",
        "java.util.concurrent.atomic",
        "jdk.internal.loader",
        "jdk.internal.math",
        "jdk.internal.module",
        "jdk.internal.ref",
        "jdk.internal.reflect",
        "jdk.internal.util.jar",
        "sun.nio.ch",
    ],
    "jdk.management": ["com.sun.management.internal"],
}


def tokens(number, nodes):
    """The tokens of node `number` of `nodes`: evenly over the ring, each node's between the others'.

    Cassandra would choose them by waiting for the other nodes' gossip, which makes a first start 8 s longer.
    """
    step = 2**64 // (TOKENS * nodes)
    return [-(2**63) + (place * nodes + number - 1) * step for place in range(TOKENS)]


def opened():
    for option, modules in [("--add-exports", EXPORTS), ("--add-opens", OPENS)]:
        for module, packages in modules.items():
            for package in packages:
                yield from [option, f"{module}/{package}=ALL-UNNAMED"]


class CassandraNode(Node):
    KIND = "cassandra"
    LOG_MARK = "Startup complete"

    @property
    def host(self):
        return cassandra_host(self.number)

    def port(self, use):
        return self.plan.ports[f"cassandra-{use}"]

    def address(self):
        return f"{self.host}:{self.port('native')}"

    def jmx_port(self):
        return self.plan.ports[f"{self.name}-jmx"]

    def listens(self):
        return [(self.host, self.port(use)) for use in ["native", "storage"]] + [(LOOPBACK, self.jmx_port())]

    def configure(self):
        if self.plan.cassandra_secure:
            tls.server_p12(self.directory, self.home, self.host, self.plan.password)
        # JSON is YAML, and needs no library to be written correctly.
        files.write(self.home / "cassandra.yaml", json.dumps(self.settings(), indent=2, default=str) + "\n", mode=0o600)
        files.write(self.home / "cassandra-rackdc.properties", f"dc={DATACENTER}\nrack=rack1\n")
        files.write(self.home / "logback.xml", LOGGING)

    def settings(self):
        settings = {**self.identity(), **self.storage(), **self.economy()}
        settings.update(self.security() if self.plan.cassandra_secure else {})
        return settings

    def identity(self):
        hosts = [cassandra_host(number) for number in range(1, self.plan.cassandra + 1)]
        seeds = ",".join(f"{host}:{self.port('storage')}" for host in hosts)
        provider = {"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": [{"seeds": seeds}]}
        return {
            "cluster_name": f"quietpulse-{self.plan.cluster_id}",
            "seed_provider": [provider],
            "endpoint_snitch": "GossipingPropertyFileSnitch",
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "num_tokens": TOKENS,
            "initial_token": ",".join(map(str, tokens(self.number, self.plan.cassandra))),
            # All nodes begin empty and with their own tokens: there is nothing to stream to a newcomer.
            "auto_bootstrap": False,
            "listen_address": self.host,
            "rpc_address": self.host,
            "storage_port": self.port("storage"),
            "ssl_storage_port": self.port("storage-tls"),
            "native_transport_port": self.port("native"),
            "start_native_transport": True,
        }

    def storage(self):
        """Durable at once, and nothing kept of dropped tables: suites make and drop many."""
        return {
            "data_file_directories": [self.data / "tables"],
            "commitlog_directory": self.data / "commitlog",
            "hints_directory": self.data / "hints",
            "saved_caches_directory": self.data / "caches",
            "cdc_raw_directory": self.data / "cdc",
            "commitlog_sync": "batch",
            "commitlog_total_space": "512MiB",
            "auto_snapshot": False,
            "incremental_backups": False,
            "disk_failure_policy": "die",
            "commit_failure_policy": "die",
        }

    def economy(self):
        """Few threads, and memtables that take memory as rows come, not a mebibyte a table."""
        return {
            "memtable_allocation_type": "unslabbed_heap_buffers",
            "concurrent_reads": 16,
            "concurrent_writes": 16,
            "concurrent_counter_writes": 4,
            "concurrent_compactors": 1,
            "compaction_throughput": "64MiB/s",
            "file_cache_size": "32MiB",
            "networking_cache_size": "32MiB",
            "counter_cache_size": "0MiB",
        }

    def security(self):
        return {
            "authenticator": "PasswordAuthenticator",
            "authorizer": "CassandraAuthorizer",
            "role_manager": "CassandraRoleManager",
            "client_encryption_options": {
                "enabled": True,
                "optional": True,
                "keystore": self.home / tls.SERVER_P12,
                "keystore_password": self.plan.password,
                "store_type": "PKCS12",
                "require_client_auth": False,
            },
        }

    def properties(self):
        return {
            "jdk.attach.allowAttachSelf": "true",
            "io.netty.tryReflectionSetAccessible": "true",
            "logback.configurationFile": f"file://{self.home}/logback.xml",
            "cassandra.config": f"file://{self.home}/cassandra.yaml",
            "cassandra-rackdc.properties": f"file://{self.home}/cassandra-rackdc.properties",
            "cassandra.storagedir": self.data,
            "cassandra.logdir": self.home,
            "cassandra-foreground": "yes",
            "cassandra.jmx.local.port": self.jmx_port(),
            "cassandra.skip_wait_for_gossip_to_settle": "0",
            # A loaded machine needs some seconds until a newcomer's gossip was heard by all.
            "cassandra.ring_delay_ms": "8000",
            "cassandra.superuser_setup_delay_ms": "2000",
            "cassandra.system_auth.default_rf": self.plan.cassandra,
        }

    def command(self):
        options = [*opened(), *(f"-D{key}={value}" for key, value in self.properties().items())]
        main = "org.apache.cassandra.service.CassandraDaemon"
        jars = self.runtime.jars["cassandra"]
        return java.command(self.runtime.java, self.heap, jars, self.temporary, options, main)

    def serves(self):
        return cql_wire.answers(self.host, self.port("native"))
