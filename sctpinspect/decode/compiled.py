"""How the loops over bytes are compiled: by Numba, once for each version of their source.

Numba notices a change in the file of a function, not in what it calls from other files. So the compiled
code of this package lies in a folder named after the contents of all its modules.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config as numba_config

Function = TypeVar("Function", bound=Callable)

# not all that is used is in their type hints
njit: Callable[..., Any] = numba.njit
config: Any = numba_config


def compiled(function: Function) -> Function:
    """`function` as machine code, kept for the next start; uncompiled under NUMBA_DISABLE_JIT=1.

    It may use integers and arrays of `sctpinspect.decode.rows`, and functions compiled in this way. Its
    result must not depend on integers wrapping at 64 bits, for uncompiled they do not.
    """
    return _compiled(function, {})


def compiled_without_arrays(function: Function) -> Function:
    """The same for a function that makes no array, nor gives one: several times faster if it is short.

    Numba then leaves out the counting of references to the arrays that it is given.
    """
    return _compiled(function, {"_nrt": False})


def _compiled(function: Function, options: dict[str, bool]) -> Function:
    for folder in _folders():
        before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
        try:
            return njit(function, cache=True, nogil=True, **options)
        except RuntimeError:  # nothing can be written there
            continue
        finally:
            config.CACHE_DIR = before
    return njit(function, nogil=True, **options)


@cache
def _folders() -> list[Path]:
    """Where compiled code may be kept, best first: beside the source, where all users find it."""
    here = Path(__file__).parent
    state = hashlib.blake2b(digest_size=8)
    for module in sorted(here.glob("*.py")):
        state.update(module.read_bytes())
    name = f"compiled-{state.hexdigest()}"
    folders = [here / "__pycache__" / name]
    with suppress(RuntimeError):  # no home
        folders.append(Path.home() / ".cache" / "sctpinspect" / name)
    return folders
