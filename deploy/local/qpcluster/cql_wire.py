"""The little of CQL's binary protocol, version 4, that setting up and checking a Cassandra node takes."""
import socket
import struct

VERSION = 4
ERROR, STARTUP, READY, AUTHENTICATE, OPTIONS, SUPPORTED, QUERY, RESULT, AUTH_RESPONSE, AUTH_SUCCESS = (
    0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x0F, 0x10,
)  # fmt: skip
QUORUM, ALL = 0x0004, 0x0005
SECONDS = 15


class CqlError(Exception):
    """The server refused, with its own words."""


class Connection:
    """One connection, one request at a time."""

    def __init__(self, host, port, seconds=SECONDS):
        self.socket = socket.create_connection((host, port), timeout=seconds)
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def ask(self, opcode, body=b""):
        """Sends a frame; the opcode and body of the reply."""
        self.socket.sendall(struct.pack(">BBhBi", VERSION, 0, 0, opcode, len(body)) + body)
        _, _, _, answer, size = struct.unpack(">BBhBi", self.exactly(9))
        reply = self.exactly(size)
        if answer == ERROR:
            (length,) = struct.unpack_from(">H", reply, 4)
            raise CqlError(reply[6 : 6 + length].decode(errors="replace"))
        return answer, reply

    def exactly(self, size):
        data = self.stream.read(size)
        if len(data) < size:
            raise OSError("the server closed the connection")
        return data

    def begin(self, username="", password=""):
        """Logs in, if the server asks for it."""
        answer, _ = self.ask(STARTUP, struct.pack(">H", 1) + text("CQL_VERSION") + text("3.0.0"))
        if answer == AUTHENTICATE:
            token = b"\0" + username.encode() + b"\0" + password.encode()
            answer, _ = self.ask(AUTH_RESPONSE, struct.pack(">i", len(token)) + token)
        if answer not in (READY, AUTH_SUCCESS):
            raise CqlError(f"unexpected reply {answer:#x}")

    def query(self, statement, consistency=QUORUM):
        """Runs a statement and returns the raw result."""
        encoded = statement.encode()
        body = struct.pack(">i", len(encoded)) + encoded + struct.pack(">HB", consistency, 0)
        return self.ask(QUERY, body)[1]


def text(value):
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded


def answers(host, port):
    """Whether the server tells its options."""
    try:
        with Connection(host, port, seconds=2) as connection:
            return connection.ask(OPTIONS)[0] == SUPPORTED
    except (OSError, CqlError):
        return False
