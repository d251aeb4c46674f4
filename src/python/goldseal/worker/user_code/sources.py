# SPDX-License-Identifier: Apache-2.0
"""The files of the user's own tree that a network's code lies in. Neither Python's own nor installed packages are among
them; what is imported nowhere yet is found without importing it. A file keeps the name that it was imported by, links
included: who points a link elsewhere serves other code."""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import os
import sys
import sysconfig
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

GOLDSEAL = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # this package, which is no user's code
MOST_FILES = 1024
_MOST_BYTES = 8 << 20
_PACKAGES = ("site-packages", "dist-packages")
_ABOVE_PACKAGES = ("python", "pypy", "lib", "Lib")  # of an environment; a project may have a directory by that name too
_OF_THE_MACHINE = ("sitecustomize", "usercustomize")


class Source(NamedTuple):
    """A file that code lies in, and the name that it is imported by."""

    module: str
    path: str


def sources_of(modules: Iterable[str], pieces: Iterable[Source] = ()) -> List[Source]:
    """The files of these modules and of all that they import, as far as they are the user's own, sorted by name. `pieces`
    are files of code that `import` may not find by their module's name."""
    found: Dict[str, Source] = {}
    seen: Set[str] = set()
    queue: List[Tuple[str, Optional[_Place]]] = [(name, None) for name in modules]
    queue += [(piece.module, _Place(os.path.abspath(piece.path), _package_of(piece.module))) for piece in pieces]
    while queue and len(found) < MOST_FILES:
        name, place = queue.pop()
        if name in _OF_THE_MACHINE or (place is None and name in seen):
            continue
        if place is None:
            seen.add(name)
            place = _place_of(name)
        elif place.path in found:
            continue
        if place is None or not is_own(place.path):
            continue
        file = _file_of(place.path)
        if os.path.isfile(file):  # not `<string>`, which dataclasses and namedtuples are made from, nor a notebook's cell
            found.setdefault(place.path, Source(_import_name(name, place.path), file))
        queue.extend((one, None) for one in _parents(name))
        queue.extend((one, None) for one in _imported(name, place))
    return sorted({source.path: source for source in sorted(found.values(), reverse=True)}.values())


def modules_of_classes(module: Any) -> Set[str]:
    """The modules that define the classes of a network's parts, and those that they inherit from."""
    return {kind.__module__ for part in module.modules() for kind in type(part).__mro__}


def is_own(path: str) -> bool:
    """Whether a file is the user's: no package's, not Python's, not goldseal's. Under its own name and where links lead."""
    return not any(lies_installed(place) for place in {os.path.abspath(path), os.path.realpath(path)})


def lies_installed(path: str) -> bool:
    """By the path itself; links are not followed."""
    parts = path.split(os.sep)
    for above, name in zip(parts, parts[1:]):
        if name in _PACKAGES and above.startswith(_ABOVE_PACKAGES):
            return True
    return path.startswith(_installed_places())


def _file_of(path: str) -> str:
    """The file itself, or the archive that it lies in: `code.zip/net.py`."""
    file = path
    while file and not os.path.exists(file) and os.path.dirname(file) != file:
        file = os.path.dirname(file)
    return file if os.path.isfile(file) else path


@functools.lru_cache(maxsize=None)
def _installed_places() -> Tuple[str, ...]:
    places = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    places.append(GOLDSEAL)
    places.extend(getattr(sys.modules.get("torch"), "__path__", []))
    named = [place for place in places if place]
    return tuple(os.path.join(one, "") for place in named for one in (os.path.abspath(place), os.path.realpath(place)))


def _package_of(name: str) -> str:
    """What a relative import in a module starts from."""
    module = sys.modules.get(name)
    package = getattr(module, "__package__", None)
    return package if isinstance(package, str) else name.rpartition(".")[0]


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
        return _Place(os.path.abspath(path), package)
    spec = _spec_of(name)
    if spec is None or not spec.has_location or not spec.origin:
        return None
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    return _Place(os.path.abspath(spec.origin), package)


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
    tree = tree_of(name, place.path)
    if tree is None:
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


@functools.lru_cache(maxsize=256)
def _parsed(text: bytes) -> Optional[ast.Module]:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def tree_of(name: str, path: str) -> Optional[ast.Module]:
    """A module's source, taken apart; None where there is none that can be read."""
    try:
        if os.path.isfile(path):
            if not path.endswith(".py") or os.path.getsize(path) > _MOST_BYTES:
                return None
            with open(path, "rb") as file:
                return _parsed(file.read())
        loader: Any = getattr(sys.modules.get(name), "__loader__", None)
        return _parsed((loader.get_source(name) or "").encode())  # of an archive
    except Exception:  # a loader of the user's own may raise anything
        return None


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
