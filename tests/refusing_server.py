"""A server that takes no session: it answers each with an error, as PostgreSQL, poolers and clouds' gateways do."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SSL, GSS = 80877103, 80877104


@contextmanager
def refusing_server(sqlstate: str, message: str) -> Iterator[str]:
    """Refuse every session for as long as the `with` block lasts; yields the server's connection string."""
    fields = {"S": "FATAL", "V": "FATAL", "C": sqlstate, "M": message}
    body = b"".join(f"{name}{value}".encode() + b"\0" for name, value in fields.items()) + b"\0"
    error = b"E" + struct.pack("!i", len(body) + 4) + body
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer, args=(listener, error))
        thread.start()
        try:
            port = listener.getsockname()[1]
            yield f"host=127.0.0.1 port={port} user=u password=s3cr3t dbname=app sslmode=prefer gssencmode=disable"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(listener: socket.socket, error: bytes) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            while len(head := client.recv(4, socket.MSG_WAITALL)) == 4:
                request = client.recv(struct.unpack("!i", head)[0] - 4, socket.MSG_WAITALL)
                if struct.unpack("!i", request[:4])[0] in (SSL, GSS):
                    client.sendall(b"N")
                    continue
                client.sendall(error)
                break
