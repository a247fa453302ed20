import contextlib
import io
import socket
import struct
import threading
import unittest

import context  # noqa: F401 (makes qpcluster importable)
from qpcluster import clock, cql_wire, jars, kafka_wire


@contextlib.contextmanager
def server(*replies):
    """Answers one connection with `replies`, whatever it is asked, and then closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError), listener.accept()[0] as peer:
            for reply in replies:
                peer.recv(4096)
                peer.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        # Wakes a server that nobody has called.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def frame(opcode, body=b""):
    return struct.pack(">BBhBi", 0x84, 0, 0, opcode, len(body)) + body


class Kafka(unittest.TestCase):
    def test_the_request_says_its_own_length(self):
        request = kafka_wire.request()
        self.assertEqual(struct.unpack_from(">i", request)[0], len(request) - 4)

    def test_brokers_are_counted(self):
        body = struct.pack(">ii", 1, 3) + b"\0" * 30
        with server(struct.pack(">i", len(body)) + body) as address:
            self.assertEqual(kafka_wire.brokers(*address), 3)

    def test_half_a_reply_is_none(self):
        with self.assertRaises(EOFError):
            kafka_wire.count(io.BytesIO(struct.pack(">iii", 60, 1, 3) + b"\0" * 10))
        with server(b"\0\0") as address:
            self.assertEqual(kafka_wire.brokers(*address), 0)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
        self.assertEqual(kafka_wire.brokers(*address), 0)


class Cql(unittest.TestCase):
    def test_a_server_that_tells_its_options_answers(self):
        with server(frame(cql_wire.SUPPORTED)) as address:
            self.assertTrue(cql_wire.answers(*address))

    def test_a_server_that_refuses_or_closes_does_not(self):
        words = b"not yet"
        refusal = frame(cql_wire.ERROR, struct.pack(">iH", 0, len(words)) + words)
        for reply in [refusal, refusal[:5], b""]:
            with server(reply) as address:
                self.assertFalse(cql_wire.answers(*address))

    def test_an_error_carries_the_servers_words(self):
        words = b"Provided username quietpulse and/or password are incorrect"
        asks = frame(cql_wire.AUTHENTICATE, struct.pack(">H", 1) + b"x")
        refusal = frame(cql_wire.ERROR, struct.pack(">iH", 0x100, len(words)) + words)
        with server(asks, refusal) as address, cql_wire.Connection(*address) as connection:
            with self.assertRaisesRegex(cql_wire.CqlError, words.decode()):
                connection.begin("quietpulse", "wrong")

    def test_a_server_without_passwords_is_ready_at_once(self):
        with server(frame(cql_wire.READY)) as address, cql_wire.Connection(*address) as connection:
            connection.begin()


class Words(unittest.TestCase):
    def test_offsets(self):
        self.assertEqual([clock.offset(text) for text in ["+3600", "-90", "0", "7"]], [3600, -90, 0, 7])
        self.assertEqual([clock.offset(text) for text in ["", "+", "1h", "1.5", "9999999999"]], [None] * 5)

    def test_mavens_reason_is_its_first_words_without_colour(self):
        output = "\x1b[0m[ERROR] \n[ERROR] No such artifact\n[ERROR] Re-run with -X\n"
        self.assertEqual(jars.reason(output), "No such artifact")
        self.assertEqual(jars.reason("mvn: not a program\n"), "mvn: not a program")
        self.assertEqual(jars.reason(""), "mvn said nothing")


if __name__ == "__main__":
    unittest.main()
