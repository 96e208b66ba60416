"""How the loops over bytes are compiled: by Numba, once for each version of their source.

Numba notices a change in the file of a function, not in what it uses from other files. So the compiled
code of this package lies in a folder named after the contents of all modules that it is made from. That of
the modules `loops*` of `sctpinspect.tables` lies there too, and is made anew when one of them changes.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numba
from numba.core import caching as numba_caching
from numba.core import event as numba_event

Function = TypeVar("Function", bound=Callable)

# not all that is used is in their type hints
njit: Callable[..., Any] = numba.njit
event: Any = numba_event
caching: Any = numba_caching
config: Any = numba.config


def compiled(function: Function) -> Function:
    """`function` as machine code, kept for the next start; uncompiled under NUMBA_DISABLE_JIT=1.

    It may use integers and arrays of `sctpinspect.decode.rows`, and functions compiled in this way, but makes
    no array, nor gives one: so Numba can leave out the counting of references to those that it is given,
    which makes short functions several times faster. Its result must not depend on integers wrapping at
    64 bits, for uncompiled they do not.
    """
    machine_code = njit(function, nogil=True, _nrt=False)
    if folder() and hasattr(machine_code, "enable_caching"):
        machine_code._cache = _Cache(function)
    return machine_code


class _Locator(caching._CacheLocator):
    """Finds the compiled code of a function in our folder, even one that can only be read."""

    def __init__(self, line: int, path: str) -> None:
        self._line = line
        self._path = path

    @classmethod
    def from_function(cls, function: Any, path: str) -> "_Locator":
        return cls(function.__code__.co_firstlineno, path)

    def get_cache_path(self) -> str:
        return str(folder())

    def get_source_stamp(self) -> str:
        return _stamp(str(Path(self._path).parent))

    def get_disambiguator(self) -> str:
        return str(self._line)


@cache
def _stamp(package: str) -> str:
    """What the name of our folder does not say."""
    return _state(sorted(Path(package).glob("loops*.py")))


def _state(modules: Iterable[Path]) -> str:
    state = hashlib.blake2b(digest_size=8)
    for module in modules:
        state.update(module.read_bytes())
    return state.hexdigest()


class _Implementation(caching.CompileResultCacheImpl):
    _locator_classes: ClassVar[list] = [_Locator]


class _Cache(caching.FunctionCache):
    """What Numba makes of `cache=True`, which would not read what it cannot write."""

    _impl_class = _Implementation

    def load_overload(self, signature: Any, context: Any) -> Any:
        # Numba would first load all that compiling needs, which takes longer than the rest of the start;
        # compiling does so itself.
        with self._guard_against_spurious_io_errors():
            return self._load_overload(signature, context)

    def save_overload(self, signature: Any, result: Any) -> None:
        with suppress(OSError):
            super().save_overload(signature, result)


@contextmanager
def on_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` if anything has to be compiled meanwhile: once, before it is."""

    class Listener(event.Listener):
        told = False

        def on_start(self, event: Any) -> None:
            if not self.told:
                self.told = True
                tell()

        def on_end(self, event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Listener()):
        yield


_SOURCES = ("decode", "protocol")
_KIND = "checked" if config.BOUNDSCHECK else "compiled"  # under NUMBA_BOUNDSCHECK=1 it is other code
_NAME = re.compile(_KIND + "-[0-9a-f]{16}")


@cache
def folder() -> Path | None:
    """Where compiled code is kept: beside the source, for all users, else in the home; None: nowhere.

    What set-up has put beside the source is taken even by those who cannot write there.
    """
    here = Path(__file__).parent
    state = _state(module for package in _SOURCES for module in sorted((here.parent / package).glob("*.py")))
    parents = [here / "__pycache__"]
    with suppress(RuntimeError):  # no home
        parents.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "sctpinspect"))
    for parent in parents:
        place = parent.absolute() / f"{_KIND}-{state}"
        with suppress(OSError):
            is_new = not place.exists()
            if is_new or not any(place.iterdir()):
                place.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=place).close()  # it can be written to
            if is_new:
                _remove_others(place)
            return place
    return None


def _remove_others(place: Path) -> None:
    """Remove the folders beside this one that were made from other versions of the source."""
    for other in place.parent.iterdir():
        if other != place and _NAME.fullmatch(other.name) and not other.is_symlink():
            shutil.rmtree(other, ignore_errors=True)
