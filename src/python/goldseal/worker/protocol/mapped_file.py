# SPDX-License-Identifier: Apache-2.0
"""Files as memory: private and writable, so that an operation in place changes no file."""

from __future__ import annotations

import mmap
import os
import stat
from typing import Any

from .refusal import Refusal


def map_file(path: str) -> Any:
    """A mapping of the whole file; `bytearray()` for an empty one."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise Refusal("malformed", f"cannot be opened: {error.strerror}", path) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refusal("malformed", "is not a regular file", path)
        if status.st_size == 0:
            return bytearray()
        return mmap.mmap(descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    except OSError as error:
        raise Refusal("memory", f"cannot be mapped: {error.strerror}", path) from None
    finally:
        os.close(descriptor)


def read_text(path: str, most: int) -> bytes:
    content = map_file(path)
    if len(content) > most:
        raise Refusal("malformed", f"is {len(content)} bytes long; at most {most} are read", path)
    return bytes(content)
