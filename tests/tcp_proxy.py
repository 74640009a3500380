"""A proxy before a unix socket that ends, resets or forgets connections, as firewalls and load balancers do."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Copies bytes between clients on loopback and a unix socket, for as long as a test wants."""

    def __init__(self, path: str) -> None:
        """Listen."""
        self._path = path
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._deaf: set[socket.socket] = set()
        self._cuts = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._path)
            self._pairs.append((client, server))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._cuts and source.family == socket.AF_UNIX:
                    self._cuts = False
                    break
                if source not in self._deaf:
                    target.sendall(data)
        if source not in self._deaf:
            _shut(target)

    def finish(self) -> None:
        """End every connection as an idle timeout does."""
        for pair in self._pairs:
            for end in pair:
                _shut(end)

    def reset(self) -> None:
        """Reset every connection towards its client, as a firewall does that has forgotten it."""
        for client, server in self._pairs:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RD)  # wakes the thread that reads, which would keep the socket open
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            _shut(server)
            with suppress(OSError):
                client.close()

    def cut_next_answer(self) -> None:
        """End the connection that the server answers next, in place of passing the answer on."""
        self._cuts = True

    def forget(self) -> None:
        """Go on taking what today's connections send, and answer nothing; new connections work."""
        for client, server in self._pairs:
            self._deaf |= {client, server}

    def close(self) -> None:
        """End all."""
        _shut(self._listener)
        self._listener.close()
        self._thread.join()
        self.finish()
        for pair in self._pairs:
            for end in pair:
                end.close()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(path: str) -> Iterator[Proxy]:
    """Run a proxy before a unix socket for as long as the `with` block lasts."""
    made = Proxy(path)
    try:
        yield made
    finally:
        made.close()
