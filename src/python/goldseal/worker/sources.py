# SPDX-License-Identifier: Apache-2.0
"""The files of the user's own tree that a network's code lies in. Neither Python's own nor installed packages are among
them; what is imported nowhere yet is found without importing it."""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import os
import sys
import sysconfig
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

MOST_FILES = 1024
_MOST_BYTES = 8 << 20
_PACKAGES = ("site-packages", "dist-packages")
_OF_THE_MACHINE = ("sitecustomize", "usercustomize")


class Source(NamedTuple):
    """A file that code lies in, and the name that it is imported by."""

    module: str
    path: str


def sources_of(modules: Iterable[str]) -> List[Source]:
    """The files of these modules and of all that they import, as far as they are the user's own, sorted by name."""
    found: Dict[str, Source] = {}
    seen: Set[str] = set()
    queue = list(modules)
    while queue and len(found) < MOST_FILES:
        name = queue.pop()
        if name in seen or name in _OF_THE_MACHINE:
            continue
        seen.add(name)
        place = _place_of(name)
        if place is None or not is_own(place.path):
            continue
        found.setdefault(place.path, Source(_import_name(name, place.path), place.path))
        queue.extend(_parents(name))
        queue.extend(_imported(name, place))
    return sorted(found.values())


def modules_of_classes(module: Any) -> Set[str]:
    """The modules that define the classes of a network's parts, and those that they inherit from."""
    return {kind.__module__ for part in module.modules() for kind in type(part).__mro__}


def is_own(path: str) -> bool:
    """Whether a file is the user's: no package's, not Python's, not goldseal's."""
    parts = path.split(os.sep)
    if any(name in _PACKAGES for name in parts):
        return False
    return not path.startswith(_installed_places())


@functools.lru_cache(maxsize=None)
def _installed_places() -> Tuple[str, ...]:
    places = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    places.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    places.extend(getattr(sys.modules.get("torch"), "__path__", []))
    return tuple(os.path.join(os.path.realpath(place), "") for place in places if place)


class _Place(NamedTuple):
    path: str
    package: str  # what a relative import in it starts from


def _place_of(name: str) -> Optional[_Place]:
    module = sys.modules.get(name)
    if module is not None:
        path = getattr(module, "__file__", None)
        package = getattr(module, "__package__", None)
        if not isinstance(path, str):
            return None
        if package is None:
            package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
        return _Place(os.path.realpath(path), package)
    spec = _spec_of(name)
    if spec is None or not spec.has_location or not spec.origin:
        return None
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    return _Place(os.path.realpath(spec.origin), package)


def _spec_of(name: str) -> Optional[importlib.machinery.ModuleSpec]:
    parent = name.rpartition(".")[0]
    search: Any = None
    if parent:
        module = sys.modules.get(parent)
        if module is not None:
            search = getattr(module, "__path__", None)
        else:
            spec = _spec_of(parent)
            search = spec.submodule_search_locations if spec is not None else None
        if search is None:
            return None
        search = list(search)
    try:
        return importlib.machinery.PathFinder.find_spec(name, search)
    except Exception:  # a finder of the user's own may raise anything
        return None


def _import_name(name: str, path: str) -> str:
    if name != "__main__":
        return name
    return os.path.splitext(os.path.basename(path))[0]


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _imported(name: str, place: _Place) -> Set[str]:
    """Every name that the file may import: `from a import b` names a, and a.b if that is a module."""
    try:
        if not place.path.endswith(".py") or os.path.getsize(place.path) > _MOST_BYTES:
            return set()
        with open(place.path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: Set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module or "", node.level, place.package)
            if base is not None:
                names.add(base)
                names.update(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Call):
            names.update(_called_import(node, place.package))
    names.discard(name)
    return {one for one in names if one}


def _called_import(node: ast.Call, package: str) -> Iterator[str]:
    """importlib.import_module("a.b"), __import__("a")."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in ("import_module", "__import__") or not node.args:
        return
    text = getattr(node.args[0], "value", None)
    if isinstance(text, str):
        level = len(text) - len(text.lstrip("."))
        name = _absolute(text[level:], level, package)
        if name:
            yield name


def _absolute(module: str, level: int, package: str) -> Optional[str]:
    if level == 0:
        return module
    base = package
    for _ in range(level - 1):
        base, dot, _last = base.rpartition(".")
        if not dot:
            return None
    if not base:
        return None
    return f"{base}.{module}" if module else base


def described_sources(modules: Iterable[str]) -> List[Dict[str, str]]:
    """As a worker tells them. What cannot be followed is left out: a seal can be made without."""
    try:
        return [source._asdict() for source in sources_of(modules)]
    except Exception:
        return []
