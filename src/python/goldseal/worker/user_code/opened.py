# SPDX-License-Identifier: Apache-2.0
"""Which files are opened while code runs, whichever library opens them: Python itself tells it (an audit hook). A hook stays
for the life of its process, so there is one; a call of those that Python tells of then takes a tenth of a microsecond more."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import sys
import threading
import types
from typing import Any, Dict, Iterable, Iterator, List, Set, Tuple

from .sources import is_own, lies_installed

MOST_FILES = 256
_MOST_READERS = 4096  # files of code that was seen to open others
# What looks at source to show it or to compile it: the file is a module's, or a script's.
_SHOWING_SOURCE = ("tokenize.py", "linecache.py")

Paths = Dict[str, bool]  # absolute, in the order of the first opening; True: a library that code loads by its path


class Opened:
    """What the thread that made it opens, until it is closed."""

    def __init__(self) -> None:
        self.paths: Paths = {}
        self._thread = threading.get_ident()

    def note(self, path: str, library: bool) -> None:
        if threading.get_ident() == self._thread and len(self.paths) < MOST_FILES:
            self.paths.setdefault(path, library)


_recording: List[Opened] = []
_by_code: Dict[str, Paths] = {}  # by the file of the code that was at work
_of_modules: Dict[types.CodeType, bool] = {}
_watching = False


def watch() -> None:
    """From here on it is known what code opens, whoever calls it: what it keeps it opens once alone."""
    global _watching
    if not _watching:
        _watching = True
        sys.addaudithook(_told)


@contextlib.contextmanager
def opened() -> Iterator[Paths]:
    """The files that this thread opens inside, to read them, run them or load them."""
    watch()
    found = Opened()
    _recording.append(found)
    try:
        yield found.paths
    finally:
        _recording.remove(found)


def opened_by(files: Iterable[str]) -> Paths:
    """What the code in these files opened while it was imported, or built or ran a module, as far as this package was imported
    before."""
    return {path: library for file in files for path, library in _by_code.get(file, {}).items()}


def _told(event: str, arguments: Tuple[Any, ...]) -> None:
    if event not in _READ:
        return
    with contextlib.suppress(Exception):  # what a hook raises ends the call that it was told of
        for file in _READ[event](arguments):
            path = _path_of(file)
            if path:
                _note(path, event == "ctypes.dlopen")


def _of_open(arguments: Tuple[Any, ...]) -> List[Any]:
    file, _, flags = arguments
    writes = flags & (os.O_WRONLY | os.O_CREAT | os.O_TRUNC)  # a map of a file may be opened for both
    return [] if writes else [file]


def _of_program(arguments: Tuple[Any, ...]) -> List[Any]:
    words = arguments[1]
    given = [words] if isinstance(words, (str, bytes, os.PathLike)) else [arguments[0], *words]
    return [*given, *(part for word in given if isinstance(word, str) and " " in word for part in word.split())]


_READ = {
    "open": _of_open,
    "sqlite3.connect": lambda arguments: [arguments[0]],
    "ctypes.dlopen": lambda arguments: [arguments[0]],
    "subprocess.Popen": _of_program,
}


def _path_of(file: Any) -> str:
    """Empty: no file that has a name."""
    if not isinstance(file, (str, bytes, os.PathLike)):
        return ""
    path = os.fsdecode(file)
    if path.startswith("file:"):  # of a database
        path = path[len("file:") :].partition("?")[0]
    if not path or path == ":memory:":
        return ""
    path = os.path.abspath(path)
    if lies_installed(path):
        return ""
    if not path.endswith((".py", ".pyc")):
        return path
    caller = sys._getframe(2).f_code.co_filename
    if os.path.basename(caller) in _SHOWING_SOURCE:
        return ""
    return importlib.util.source_from_cache(path) if path.endswith(".pyc") else path


def _note(path: str, library: bool) -> None:
    for one in _recording:
        one.note(path, library)
    for file in _code_at_work():
        if len(_by_code) < _MOST_READERS or file in _by_code:
            paths = _by_code.setdefault(file, {})
            if len(paths) < MOST_FILES:
                paths.setdefault(path, library)


def _code_at_work() -> Set[str]:
    """The files of the user's own code that is being imported, or that builds or runs a module. What a script reads by its own
    lines is its training's."""
    found: Set[str] = set()
    frame: Any = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith("<") and (_is_import(frame) or _is_of_module(frame)) and _is_own(file):
            found.add(os.path.abspath(file))
        frame = frame.f_back
    return found


def _is_import(frame: Any) -> bool:
    return frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__"


def _is_of_module(frame: Any) -> bool:
    """Whether it is the constructor or forward() of a class of modules. Its arguments are not looked at: to ask a frame for them
    writes into the dict that the code's own locals() gave it."""
    code = frame.f_code
    if code.co_name not in ("__init__", "forward"):
        return False
    if code not in _of_modules:
        if len(_of_modules) > _MOST_READERS:
            _of_modules.clear()
        _of_modules[code] = any(_code_of(kind, code.co_name) is code for kind in _classes_of_modules(frame.f_globals))
    return _of_modules[code]


def _classes_of_modules(names: Dict[str, Any]) -> List[type]:
    module = getattr(sys.modules.get("torch.nn"), "Module", None)
    return [value for value in list(names.values()) if module is not None and isinstance(value, type) and issubclass(value, module)]


def _code_of(kind: type, name: str) -> Any:
    function: Any = vars(kind).get(name)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return getattr(function, "__code__", None)


@functools.lru_cache(maxsize=1024)
def _is_own(file: str) -> bool:
    return is_own(file)
