# SPDX-License-Identifier: Apache-2.0
"""The process that the goldseal command starts: `PYTHON …/goldseal/worker/__main__.py`, its channel on descriptor 3."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any, Callable

CHANNEL_DESCRIPTOR = 3


def open_channel() -> socket.socket:
    """Programs that a model's code starts do not get the channel."""
    try:
        os.set_inheritable(CHANNEL_DESCRIPTOR, False)
        return socket.socket(fileno=CHANNEL_DESCRIPTOR)
    except OSError:
        print("goldseal-worker-python is started by goldseal, with its channel as file descriptor 3.", file=sys.stderr)
        sys.exit(2)


def leave_own_directory() -> None:
    """Modules are not looked for in this file's directory, nor in the current one: a file there that is called torch.py
    would be run in the place of PyTorch, whatever network is asked for. python_builder adds it for code that is to run."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if place and os.path.abspath(place) != here]


def stay_offline() -> None:
    """The sandbox has no network; libraries that would ask a hub wait for their time-outs, and are told so."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "DIFFUSERS_OFFLINE"):
        os.environ[name] = "1"


def import_session() -> Callable[[socket.socket], Any]:
    """This file's own package, whatever other goldseal the interpreter may have installed."""
    package_parent = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, package_parent)
    try:
        from goldseal.worker.protocol.channel import Channel
        from goldseal.worker.session import Session
    finally:
        sys.path.remove(package_parent)
    return lambda connection: Session(Channel(connection))


def decline(connection: socket.socket, error: ImportError) -> int:
    """Answers the greeting where this interpreter has no torch that can be imported."""
    with connection.makefile("rwb") as stream:
        greeting = json.loads(stream.readline() or b"{}")
        refusal = {
            "kind": "unsupported",
            "message": f"{sys.executable} cannot import torch: {error}",
            "remedy": "install torch there, or name an interpreter that has it: --runtime python=PATH",
        }
        answer = {"id": greeting.get("id"), "nonce": greeting.get("nonce"), "ok": False, "error": refusal}
        stream.write(json.dumps(answer).encode() + b"\n")
    return 2


def main() -> int:
    connection = open_channel()
    leave_own_directory()
    stay_offline()
    try:
        make_session = import_session()
    except ImportError as error:
        return decline(connection, error)
    try:
        make_session(connection).serve()
    except Exception as error:
        # A line that cannot be answered ends the run: nothing after it can be trusted.
        print(f"goldseal-worker-python: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # PyTorch's own teardown takes time and serves nobody: the process ends here.
    os._exit(status)
