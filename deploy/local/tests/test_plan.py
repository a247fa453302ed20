import pathlib
import tempfile
import unittest

import context
from qpcluster import files, plan
from qpcluster.errors import Failed


class Plan(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.directory = pathlib.Path(place.name)

    def test_is_read_back_as_it_was_written_and_by_its_owner_only(self):
        made = context.make_plan(kafka=3, cassandra=3, kafka_secure=True, faketime=["kafka-2"])
        made.save(self.directory)
        self.assertEqual(plan.load(self.directory), made)
        self.assertEqual((self.directory / plan.FILE).stat().st_mode & 0o777, 0o600)

    def test_no_plan_yet(self):
        self.assertIsNone(plan.load(self.directory))

    def test_a_damaged_plan_is_told_with_its_path(self):
        (self.directory / plan.FILE).write_text("{")
        with self.assertRaisesRegex(Failed, plan.FILE):
            plan.load(self.directory)

    def test_two_plans_share_no_identity(self):
        one, two = context.make_plan(), context.make_plan()
        self.assertNotEqual(one.cluster_id, two.cluster_id)
        self.assertNotEqual(one.password, two.password)
        self.assertEqual(len(one.cluster_id), 22)

    def test_no_cluster_id_looks_like_an_option(self):
        made = {plan.new_cluster_id() for _ in range(2000)}
        self.assertEqual([one for one in made if one.startswith("-")], [])
        self.assertEqual(len(made), 2000)

    def test_every_port_is_another(self):
        made = context.make_plan(kafka=3, cassandra=3)
        self.assertEqual(len(made.ports), 3 * 3 + 3 + 3)
        self.assertEqual(len(set(made.ports.values())), len(made.ports))

    def test_what_is_not_said_again_stays(self):
        made = context.make_plan(kafka=3, kafka_heap="300m")
        merged = plan.merge(made, {"kafka": None, "kafka_heap": None, "cassandra_heap": "1g"})
        self.assertEqual((merged.kafka, merged.kafka_heap, merged.cassandra_heap), (3, "300m", "1g"))

    def test_the_number_of_nodes_cannot_change(self):
        with self.assertRaisesRegex(Failed, "kafka = 1.* become 3"):
            plan.merge(context.make_plan(), {"kafka": 3})

    def test_a_clock_of_a_node_that_does_not_exist(self):
        with self.assertRaisesRegex(Failed, "kafka-2"):
            context.make_plan(faketime=["kafka-2"])

    def test_no_node_at_all(self):
        with self.assertRaises(Failed):
            context.make_plan(kafka=0, cassandra=0)


class Reach(unittest.TestCase):
    def test_the_first_closed_directory_is_named(self):
        with tempfile.TemporaryDirectory(dir="/tmp") as place:
            closed = pathlib.Path(place) / "closed"
            inner = closed / "inner"
            inner.mkdir(parents=True)
            pathlib.Path(place).chmod(0o755)
            self.assertIsNone(files.closed_parent(inner))
            closed.chmod(0o700)
            self.assertEqual(files.closed_parent(inner), closed)


if __name__ == "__main__":
    unittest.main()
