# SPDX-License-Identifier: Apache-2.0
"""The checkpoint's tensors as views of its mapped files: nothing is copied, and tied tensors stay tied."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import torch

from . import fields
from .channel import MAX_MESSAGE_BYTES
from .dtypes import dtype_of, size_of
from .mapped_file import map_file, read_text
from .refusal import Refusal
from .values import read_value

MAX_DIMENSIONS = 64


class Assignment(NamedTuple):
    """A tensor of a file and the state entry that it goes to. `begin` and `bytes` delimit its storage in the file; `offset` and
    `strides` count elements in it."""

    state_entry: str
    file: int
    begin: int
    bytes: int
    dtype: torch.dtype
    shape: list[int]
    strides: list[int]
    offset: int

    def elements(self) -> int:
        """From the storage's begin to the end of the tensor's last element."""
        if 0 in self.shape:
            return self.offset
        return self.offset + 1 + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides))


def _read_assignment(entry: Any) -> Assignment:
    return Assignment(
        fields.text(entry, "state_entry"),
        fields.natural(entry, "file"),
        fields.natural(entry, "begin"),
        fields.natural(entry, "bytes"),
        dtype_of(fields.text(entry, "dtype")),
        fields.sizes(entry, "shape"),
        fields.sizes(entry, "strides"),
        fields.natural(entry, "offset"),
    )


def _check(assignment: Assignment, path: str, file_bytes: int) -> None:
    where = f"{path}, tensor {assignment.state_entry}"
    if len(assignment.shape) != len(assignment.strides) or len(assignment.shape) > MAX_DIMENSIONS:
        raise Refusal("usage", "a tensor has one stride for each of at most 64 dimensions", where)
    if assignment.begin + assignment.bytes > file_bytes:
        raise Refusal(
            "malformed",
            f"the storage ends at byte {assignment.begin}+{assignment.bytes}, the file at {file_bytes}",
            where,
            "fetch the file again: it is cut short, or another one than goldseal read",
        )
    if assignment.elements() * size_of(assignment.dtype) > assignment.bytes:
        raise Refusal("malformed", f"the tensor reaches beyond its storage of {assignment.bytes} bytes", where)


class _Storages:
    """One flat tensor for each distinct storage and element type."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int, torch.dtype], torch.Tensor] = {}

    def view(self, content: Any, assignment: Assignment) -> torch.Tensor:
        key = (assignment.file, assignment.begin, assignment.bytes, assignment.dtype)
        if key not in self._known:
            self._known[key] = self._map(content, assignment)
        return torch.as_strided(self._known[key], assignment.shape, assignment.strides, assignment.offset)

    @staticmethod
    def _map(content: Any, assignment: Assignment) -> torch.Tensor:
        count = assignment.bytes // size_of(assignment.dtype)
        if count == 0:
            return torch.empty(0, dtype=assignment.dtype)
        flat = torch.frombuffer(content, dtype=torch.uint8, count=assignment.bytes, offset=assignment.begin)
        flat = flat[: count * size_of(assignment.dtype)]
        # Kernels may read elements at their natural alignment only.
        if flat.data_ptr() % size_of(assignment.dtype) != 0:
            flat = flat.clone()
        return flat.view(assignment.dtype)


class LoadTable(NamedTuple):
    """What a load request gives, by the names of the state entries."""

    tensors: dict[str, torch.Tensor]
    file_names: dict[str, str]  # of those that the checkpoint calls otherwise
    extra: dict[str, Any]


def map_tensors(path: str, directory: str) -> dict[str, torch.Tensor]:
    """The tensors alone of read_load_table."""
    return read_load_table(path, directory).tensors


def read_load_table(path: str, directory: str) -> LoadTable:
    """The table at `path` (PROTOCOL.md, load). `directory` is where relative names begin."""
    try:
        table = json.loads(read_text(path, MAX_MESSAGE_BYTES))
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise Refusal("malformed", "is not a JSON object", path)
    names = fields.items(table, "files")
    if not all(isinstance(name, str) for name in names):
        raise Refusal("usage", "`files` is a list of strings")
    paths = [os.path.join(directory, name) for name in names]
    contents = [map_file(path) for path in paths]
    storages = _Storages()

    def view(entry: Any) -> tuple[str, torch.Tensor]:
        assignment = _read_assignment(entry)
        if assignment.file >= len(contents):
            raise Refusal("usage", f"state entry {assignment.state_entry} is in file {assignment.file} of {len(contents)}")
        _check(assignment, paths[assignment.file], len(contents[assignment.file]))
        return assignment.state_entry, storages.view(contents[assignment.file], assignment)

    loaded = LoadTable({}, {}, {})
    for entry in fields.items(table, "tensors"):
        name, tensor = view(entry)
        if name in loaded.tensors:
            raise Refusal("usage", f"state entry {name} is given twice")
        loaded.tensors[name] = tensor
        file_name = fields.optional_text(entry, "name")
        if file_name is not None:
            loaded.file_names[name] = file_name
    for entry in fields.items(table, "extra_state") if "extra_state" in table else ():
        held = [view(part)[1] for part in fields.items(entry, "tensors")]
        loaded.extra[fields.text(entry, "state_entry")] = read_value(fields.required(entry, "value"), held)
    return loaded
