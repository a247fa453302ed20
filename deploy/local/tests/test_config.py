import json
import pathlib
import tempfile
import unittest

import context
from qpcluster import launch, report
from qpcluster.cassandra import TOKENS, tokens

DIRECTORY = pathlib.Path("/srv/cluster")


def nodes(**options):
    return launch.nodes(context.make_plan(**options), DIRECTORY)


def properties(node):
    return dict(line.split("=", 1) for line in node.properties().splitlines())


class Kafka(unittest.TestCase):
    def test_three_brokers_keep_an_acknowledged_record_twice(self):
        for node in nodes(kafka=3, cassandra=0):
            found = properties(node)
            self.assertEqual(found["default.replication.factor"], "3")
            self.assertEqual(found["min.insync.replicas"], "2")
            self.assertEqual(found["offsets.topic.replication.factor"], "3")
            self.assertEqual(found["unclean.leader.election.enable"], "false")

    def test_one_broker_asks_for_no_replicas_it_cannot_have(self):
        found = properties(nodes(cassandra=0)[0])
        wanted = {key: value for key, value in found.items() if "replication.factor" in key or "isr" in key}
        self.assertEqual(set(wanted.values()), {"1"})

    def test_topics_are_made_by_whoever_knows_their_settings(self):
        self.assertEqual(properties(nodes(cassandra=0)[0])["auto.create.topics.enable"], "false")

    def test_all_brokers_name_the_same_voters_and_their_own_ports(self):
        three = [properties(node) for node in nodes(kafka=3, cassandra=0)]
        self.assertEqual(len({found["controller.quorum.voters"] for found in three}), 1)
        self.assertEqual([found["node.id"] for found in three], ["1", "2", "3"])
        self.assertEqual(len({found["listeners"] for found in three}), 3)
        for found in three:
            own = found["listeners"].split("CONTROLLER://")[1]
            self.assertIn(f"{found['node.id']}@{own}", found["controller.quorum.voters"])

    def test_a_broker_may_miss_some_heartbeats_before_it_is_fenced(self):
        found = {key: value for key, value in properties(nodes(cassandra=0)[0]).items() if key.endswith(".ms")}
        self.assertGreaterEqual(
            int(found["broker.session.timeout.ms"]), 4 * int(found["broker.heartbeat.interval.ms"])
        )

    def test_the_secure_listener_is_there_when_asked_for_only(self):
        plain, secure = nodes(cassandra=0)[0], nodes(cassandra=0, kafka_secure=True)[0]
        self.assertNotIn("SECURE://", properties(plain)["listeners"])
        found = properties(secure)
        self.assertIn(f"SECURE://{secure.secure_address()}", found["advertised.listeners"])
        self.assertIn(secure.plan.password, found["listener.name.secure.plain.sasl.jaas.config"])
        self.assertEqual(found["sasl.enabled.mechanisms"], "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512")


class Cassandra(unittest.TestCase):
    def test_nodes_share_ports_and_differ_in_address(self):
        three = [node.settings() for node in nodes(kafka=0, cassandra=3)]
        self.assertEqual([found["rpc_address"] for found in three], ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
        self.assertEqual(len({found["native_transport_port"] for found in three}), 1)
        self.assertEqual(len({json.dumps(found["seed_provider"]) for found in three}), 1)

    def test_a_suite_that_drops_tables_leaves_nothing(self):
        found = nodes(kafka=0)[0].settings()
        self.assertIs(found["auto_snapshot"], False)
        self.assertEqual(found["commitlog_sync"], "batch")

    def test_every_token_is_owned_once_and_the_ring_is_even(self):
        for count in [1, 3]:
            ring = sorted(token for number in range(1, count + 1) for token in tokens(number, count))
            self.assertEqual(len(set(ring)), TOKENS * count)
            self.assertEqual(ring[0], -(2**63))
            self.assertLess(ring[-1], 2**63)
            self.assertEqual(len({after - before for before, after in zip(ring, ring[1:])}), 1)

    def test_neighbours_on_the_ring_are_different_nodes(self):
        owners = sorted((token, number) for number in [1, 2, 3] for token in tokens(number, 3))
        self.assertEqual([number for _, number in owners], [1, 2, 3] * TOKENS)

    def test_passwords_and_certificates_only_when_asked_for(self):
        plain, secure = nodes(kafka=0)[0], nodes(kafka=0, cassandra_secure=True)[0]
        self.assertNotIn("authenticator", plain.settings())
        found = secure.settings()
        self.assertEqual(found["authenticator"], "PasswordAuthenticator")
        self.assertIs(found["client_encryption_options"]["optional"], True)


class Report(unittest.TestCase):
    def test_exports_name_what_there_is(self):
        both = report.exports(nodes(kafka=3, cassandra=1))
        self.assertRegex(both, r"^export QP_KAFKA=(127\.0\.0\.1:\d+,){2}127\.0\.0\.1:\d+ QP_CASSANDRA=127\.0\.0\.1:\d+$")
        self.assertNotIn("QP_KAFKA", report.exports(nodes(kafka=0)))

    def test_a_file_with_a_password_is_for_its_owner_only(self):
        for secure, mode in [(False, 0o644), (True, 0o600)]:
            with tempfile.TemporaryDirectory() as place:
                directory = pathlib.Path(place)
                plan = context.make_plan(kafka_secure=secure)
                report.write(plan, directory, launch.nodes(plan, directory))
                file = directory / report.FILE
                self.assertEqual(file.stat().st_mode & 0o777, mode)
                found = json.loads(file.read_text())
                self.assertEqual("secure" in found["kafka"], secure)
                self.assertEqual(found["cassandra"]["pids"], [None])


if __name__ == "__main__":
    unittest.main()
