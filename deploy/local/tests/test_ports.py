import pathlib
import random
import socket
import tempfile
import unittest

import context
from qpcluster import ports


class Range(unittest.TestCase):
    def end(self, text):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "range"
            file.write_text(text)
            return ports.highest(file)

    def test_ends_before_the_ports_of_outgoing_connections(self):
        self.assertEqual(self.end("25000\t60999\n"), 25_000)

    def test_is_never_above_our_own_end(self):
        self.assertEqual(self.end("49152 65535\n"), ports.HIGHEST)

    def test_stays_usable_where_outgoing_ports_begin_low(self):
        self.assertEqual(self.end("1024 65535\n"), ports.HIGHEST)

    def test_a_system_that_does_not_tell(self):
        self.assertEqual(ports.highest(pathlib.Path("/nonexistent")), ports.HIGHEST)


class Choice(unittest.TestCase):
    def test_no_port_is_given_twice(self):
        chooser = context.chooser()
        taken = [chooser.take(["127.0.0.1"]) for _ in range(500)]
        self.assertEqual(len(set(taken)), 500)
        self.assertTrue(all(ports.LOWEST <= port < ports.HIGHEST for port in taken))

    def test_a_taken_port_is_passed_over(self):
        first = context.chooser().take(["127.0.0.1"])
        self.assertNotEqual(context.chooser(taken=[first]).take(["127.0.0.1"]), first)

    def test_all_hosts_are_asked_about(self):
        asked = []
        chooser = ports.Chooser(lambda port, hosts: not asked.append(hosts), random.Random(1), end=20_010)
        chooser.take(["127.0.0.1", "127.0.0.2"])
        self.assertEqual(asked, [["127.0.0.1", "127.0.0.2"]])

    def test_no_port_left(self):
        chooser = ports.Chooser(free=lambda port, hosts: False, end=20_010)
        with self.assertRaises(OSError):
            chooser.take(["127.0.0.1"])

    def test_a_listener_makes_a_port_taken_at_its_address_only(self):
        with socket.create_server(("127.0.0.2", 0)) as listener:
            port = listener.getsockname()[1]
            self.assertFalse(ports.is_free(port, ["127.0.0.1", "127.0.0.2"]))
            self.assertTrue(ports.is_free(port, ["127.0.0.1"]))
        self.assertTrue(ports.is_free(port, ["127.0.0.2"]))


if __name__ == "__main__":
    unittest.main()
