"""The little of Kafka's protocol that tells whether a broker serves: a Metadata request, version 0.

https://kafka.apache.org/protocol
"""
import socket
import struct

METADATA = 3
SECONDS = 2


def brokers(host, port):
    """How many brokers this one knows as alive; 0 when it does not answer."""
    try:
        with socket.create_connection((host, port), timeout=SECONDS) as connection:
            connection.settimeout(SECONDS)
            connection.sendall(request())
            return count(connection.makefile("rb"))
    except (OSError, EOFError):
        return 0


def request():
    # Key, version, correlation id, client id, and one topic's name that nobody has: none would ask for all topics.
    client, topic = b"cluster", b"no-such-topic"
    body = struct.pack(">hhih", METADATA, 0, 1, len(client)) + client + struct.pack(">ih", 1, len(topic)) + topic
    return struct.pack(">i", len(body)) + body


def count(stream):
    size, _correlation, found = struct.unpack(">iii", exactly(stream, 12))
    exactly(stream, size - 8)
    return found


def exactly(stream, size):
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
