# SPDX-License-Identifier: Apache-2.0
"""Messages over the socket: one JSON object a line."""

from __future__ import annotations

import json
import socket
from typing import Any, Optional

from .refusal import Refusal

MAX_MESSAGE_BYTES = 64 << 20


class Channel:
    """One end of the protocol's socket; it owns the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()
        self.nonce = ""

    def receive(self) -> Optional[dict[str, Any]]:
        """The next message, or None where the other side has closed. Raises Refusal for other lines."""
        line = self._read_line()
        if line is None:
            return None
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise Refusal("usage", "a message is not a JSON object")
        return message

    def send(self, message: dict[str, Any]) -> bool:
        """False where nobody reads any more."""
        line = json.dumps({**message, "nonce": self.nonce}, separators=(",", ":")) + "\n"
        try:
            self._connection.sendall(line.encode("ascii"))
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._connection.close()

    def _read_line(self) -> Optional[bytes]:
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line
            searched = len(self._buffer)
            if searched >= MAX_MESSAGE_BYTES:
                raise Refusal("usage", "a message is longer than 64 MiB")
            try:
                chunk = self._connection.recv(1 << 16)
            except OSError:
                return None
            if not chunk:
                return None
            self._buffer += chunk
