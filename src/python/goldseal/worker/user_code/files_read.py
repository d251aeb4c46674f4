# SPDX-License-Identifier: Apache-2.0
"""The files of the user's own tree that building a network reads: an architecture in YAML, a list of anchors, code that is
run from a text. An edit of one changes the network as an edit of its code does. Which they are is seen while a factory is
tried, and in the calls of its source that name a file."""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from typing import Any, Dict, Iterable, Iterator, List, Set

from .opened import Paths, opened, opened_by
from .sources import Source, is_own, sources_of, tree_of
from .weights_files import holds_weights_of

MOST_BYTES = 4 << 20  # of a file that describes; larger ones hold weights or data
_MOST_LIBRARY_BYTES = 64 << 20  # of a library that code loads by its path
_MOST_FILES = 256
_MOST_TEXTS = 8  # of a call
_NEVER_DESCRIBING = (".pyc", ".so", ".log", ".lock")
_OF_WEIGHTS = (".pth", ".pt", ".pt2", ".bin", ".ckpt", ".safetensors", ".weights")
# Weights are digested as tensors, code by its module; pictures and tables that a source names may be what it is trained with.
_NOT_DESCRIBING = (*_NEVER_DESCRIBING, *_OF_WEIGHTS, ".py", ".csv", ".png", ".jpg", ".jpeg")
_READERS = frozenset(
    "open read_text read_bytes read read_file load loads safe_load full_load loadtxt genfromtxt fromfile load_config memmap "
    "open_memmap connect run call check_call check_output Popen "
    # Of libraries in Rust and C++, whose openings Python tells nobody of: tokenizers, safetensors, sentencepiece, fasttext.
    "from_file safe_open load_file load_model Load LoadFromFile load_from_file SentencePieceProcessor".split()
)
_LIBRARY_LOADERS = frozenset("CDLL PyDLL LoadLibrary load_library dlopen".split())
_WRITING = frozenset("wax+")

_known: Dict[str, List[str]] = {}


def known(factory: str) -> List[str]:
    """What was read when this factory was last tried in this process, as far as it is still there."""
    return [path for path in _known.get(factory, []) if os.path.isfile(path)]


def forget(factory: str) -> None:
    """It is tried anew, perhaps with other arguments."""
    _known.pop(factory, None)


@contextlib.contextmanager
def recorded(factory: str) -> Iterator[List[str]]:
    """Gathers the files that this thread opens for reading inside, and keeps them as the factory's."""
    found: List[str] = []
    with opened() as paths:
        try:
            yield found
        finally:
            found += describing(paths, roots_of(_sources_of(factory)))
            _known[factory] = list(dict.fromkeys([*_known.get(factory, []), *found]))


def describing(paths: Paths, roots: List[str]) -> List[str]:
    """Those of files that were opened which may say what the network is."""
    return [path for path, library in paths.items() if describes(path, roots, library, was_read=True)]


def _sources_of(factory: str) -> List[Source]:
    name = factory.partition(":")[0]
    file = getattr(sys.modules.get(name), "__file__", None)
    return [Source(name, file)] if isinstance(file, str) and is_own(file) else []


def _above_package(source: Source) -> str:
    """The directory that the source's package lies in, from which it is imported."""
    place = os.path.dirname(os.path.abspath(source.path))
    for _ in range(source.module.count(".")):
        place = os.path.dirname(place)
    return place


def describes(path: str, roots: Iterable[str], library: bool = False, was_read: bool = False) -> bool:
    """Whether a file of these trees may say what the network is: small, no weights, neither hidden nor a package's; or a
    `library` that code loads by its path. Of one that `was_read` its name decides less."""
    if (path.endswith(_NEVER_DESCRIBING if was_read else _NOT_DESCRIBING) and not library) or not is_own(path):
        return False
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > (_MOST_LIBRARY_BYTES if library else MOST_BYTES):
            return False
    except OSError:
        return False
    for root in roots:
        inner = os.path.relpath(path, root).split(os.sep)
        if inner[0] != os.pardir and not any(part.startswith(".") or part.endswith(".seal") for part in inner):
            return True
    return False


def named_in(sources: Iterable[Source]) -> Set[str]:
    """Files that the sources' own calls name for reading, loading or running: `open("anchors.txt")`,
    `(HERE / "net.yaml").read_text()`, `ctypes.CDLL("./kernels.so")`."""
    found: Set[str] = set()
    script = os.path.abspath(getattr(sys.modules.get("__main__"), "__file__", None) or os.devnull)
    for source in sources:
        if source.path == script:
            continue  # it reads its training's data
        tree = tree_of(source.module, source.path)
        if tree is None or len(found) >= _MOST_FILES:
            continue
        places = [os.path.dirname(source.path), os.getcwd()]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found.update(_named_by(node, places))
    return found


def _named_by(call: ast.Call, places: List[str]) -> Set[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    loads = name in _LIBRARY_LOADERS
    if name not in _READERS and not loads:
        return set()
    texts = _texts(call)
    if any(0 < len(text) <= 3 and not _WRITING.isdisjoint(text) and set(text) <= set("rwaxbt+") for text in texts):
        return set()
    # Other texts may stand beside those of the path (an encoding, a mode), and paths beside each other.
    spans = [tuple(texts[i:j]) for i in range(len(texts)) for j in range(i + 1, len(texts) + 1)]
    paths = {
        os.path.abspath(os.path.join(place, *parts))
        for parts in spans
        if parts[-1] and not any("\0" in part or len(part) > 512 for part in parts)
        for place in places
    }
    return {path for path in paths if describes(path, places, library=loads)}


def _texts(call: ast.Call) -> List[str]:
    """The texts of a call, in their order in the source."""
    found = [
        (node.lineno, node.col_offset, str(node.value))
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [text for _, _, text in sorted(found)][:_MOST_TEXTS]


def described_sources(
    modules: Iterable[str], pieces: Iterable[Source] = (), read: Iterable[str] = (), tensors: Iterable[str] = ()
) -> List[Dict[str, str]]:
    """The files that code lies in and those that it reads, as a worker tells them. `read` are files that building the network
    was seen to read; they are told without a module. `tensors` are the network's names: a checkpoint of it is no description.
    What cannot be followed is left out: a seal can be made without."""
    try:
        sources = sources_of(modules, pieces)
        before = describing(opened_by(source.path for source in sources), roots_of(sources))
        files = sorted({*no_checkpoints([*read, *before], tensors), *named_in(sources)} - {source.path for source in sources})
        return [source._asdict() for source in [*sources, *(Source("", path) for path in files)]]
    except Exception:
        return []


def no_checkpoints(files: Iterable[str], tensors: Iterable[str]) -> List[str]:
    names = list(tensors)
    return [path for path in files if not (path.endswith(_OF_WEIGHTS) and holds_weights_of(path, names))]


def roots_of(sources: Iterable[Source]) -> List[str]:
    """Where a project's files lie: the working directory, and where its packages lie."""
    return list(dict.fromkeys([os.getcwd(), *(_above_package(source) for source in sources)]))


def files_of_runs(paths: Paths, modules: Iterable[str], tensors: Iterable[str]) -> List[str]:
    """Those of what forward passes opened that may say what the network is; `modules` define its classes."""
    places = [source for module in sorted(modules) for source in _sources_of(module)]
    return sorted(no_checkpoints(describing(paths, roots_of(places)), tensors))
