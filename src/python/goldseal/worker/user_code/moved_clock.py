# SPDX-License-Identifier: Apache-2.0
"""A process that is to show what the answers depend on has another time: another month, weekday, hour, minute and second, and
clocks that were started at another moment."""

from __future__ import annotations

import copyreg
import datetime
import os
import time
from typing import Any, Callable

_MOVED = 3_128_831  # seconds
_BY = datetime.timedelta(seconds=_MOVED)
_NANO = 10**9

_is_moved = False


def move_clock() -> None:
    """Once, in a process that has GOLDSEAL_BUILD_SEED (PROTOCOL.md), before the user's code is imported."""
    global _is_moved
    if _is_moved or "GOLDSEAL_BUILD_SEED" not in os.environ:
        return
    _is_moved = True
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        _move(name, _MOVED)
        _move(f"{name}_ns", _MOVED * _NANO)
    for name in ("localtime", "gmtime", "ctime"):
        _move_default(name)
    strftime, asctime = time.strftime, time.asctime
    time.strftime = lambda form, *moment: strftime(form, *(moment or (time.localtime(),)))
    time.asctime = lambda *moment: asctime(*(moment or (time.localtime(),)))
    _move_dates()


def _move(name: str, by: Any) -> None:
    now: Callable[[], Any] = getattr(time, name)
    setattr(time, name, lambda: now() + by)


def _move_default(name: str) -> None:
    """Of a moment that is given nothing is changed."""
    of: Callable[..., Any] = getattr(time, name)
    setattr(time, name, lambda *moment: of(*moment) if moment and moment[0] is not None else of(time.time()))


def _move_dates() -> None:
    """The classes of `datetime` are no place to put a method into: others stand for them, and make instances of the old ones."""
    date, moment = datetime.date, datetime.datetime

    class Kind(type):
        def __instancecheck__(cls, value: Any) -> bool:
            old = vars(cls).get("old")
            return isinstance(value, old) if old else super().__instancecheck__(value)

        def __subclasscheck__(cls, kind: type) -> bool:
            old = vars(cls).get("old")
            return issubclass(kind, old) if old else super().__subclasscheck__(kind)

    class Date(datetime.date, metaclass=Kind):
        old = date

        def __new__(cls, *parts: Any, **named: Any) -> Any:
            return date.__new__(date if cls is Date else cls, *parts, **named)

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(time.time())

    class Moment(datetime.datetime, metaclass=Kind):
        old = moment

        def __new__(cls, *parts: Any, **named: Any) -> Any:
            return moment.__new__(moment if cls is Moment else cls, *parts, **named)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return moment.now(tz) + _BY

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(time.time())

        @classmethod
        def utcnow(cls) -> Any:
            return moment.now(datetime.timezone.utc).replace(tzinfo=None) + _BY

    for name, kind, old in (("date", Date, date), ("datetime", Moment, moment)):
        kind.__name__ = kind.__qualname__ = name
        kind.__module__ = "datetime"
        setattr(datetime, name, kind)
        # Pickled by the name of the class, which is another one now.
        copyreg.pickle(old, lambda value, kind=kind: (kind, value.__reduce__()[1]))  # type: ignore[misc]
