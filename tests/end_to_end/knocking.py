"""What a newcomer says at a gateway's TCP port (src/transport/door/handshake.hpp), written from its description alone."""

import hmac
import os
import socket
import struct


def text(words):
    return struct.pack("<I", len(words)) + words.encode()


def mac(token, role, challenge, answer_to, fields):
    return hmac.digest(token, text(role) + challenge + answer_to + fields, "sha256")


def receive(connection):
    def exactly(count):
        data = b""
        while len(data) < count:
            got = connection.recv(count - len(data))
            assert got, "the gateway hung up"
            data += got
        return data
    return exactly(struct.unpack("<I", exactly(4))[0])


def knock(run, door, patience):
    """A newcomer that knows the token asks at a TCP port to come in, and waits for its turn.
    @return its connection, and the MPI port it was given"""
    token = bytes.fromhex((run.folder / "join.token").read_text().strip())
    connection = socket.create_connection(("127.0.0.1", door), timeout=patience)
    magic, challenge = struct.unpack("<I32s", receive(connection))
    assert magic == 0x31445652
    nonce = os.urandom(32)
    fields = b"\0" + nonce + text("python") + struct.pack("<QI", os.getpid(), 0) + text("")
    frame = fields + mac(token, "knock", challenge, bytes(32), fields)
    connection.sendall(struct.pack("<I", len(frame)) + frame)
    answer = receive(connection)
    fields, seal = answer[:-32], answer[-32:]
    assert hmac.compare_digest(seal, mac(token, "answer", challenge, nonce, fields)), "the gateway does not know the token"
    assert fields[0] == 1, fields
    return connection, fields[5:].decode()
