"""Under sudo: what is made in folders of the user who called it belongs to that user."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def nearest(folder: Path) -> Path:
    """The folder, or where it is missing the nearest above it that is there. Raises OSError."""
    return next(each for each in (folder, *folder.absolute().parents) if each.exists())


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """While the body runs, act as the user who called sudo, if the folder is theirs, or `nearest` of it.

    So they can use later, without sudo, what the body makes; and a link that they have put there leads to
    nothing that only root may write. Raises OSError: the folder cannot be looked at.
    """
    user, group = (int(os.environ.get(name) or 0) for name in ("SUDO_UID", "SUDO_GID"))
    if os.geteuid() or not user or nearest(folder).stat().st_uid != user:
        yield
        return
    own_group = os.getegid()
    os.setegid(group)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(own_group)
