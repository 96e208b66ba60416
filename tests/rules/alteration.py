"""One thing altered in a good capture, and the rules that have to see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rules.altering import Thing
from rules.good import Story

Alter = Callable[[Story], Thing | Sequence[Thing]]


@dataclass(frozen=True)
class Alteration:
    """`alter` returns what `rule` must name, by its frame; `also`: further rules that see it too."""

    rule: str
    capture: str
    alter: Alter
    also: tuple[str, ...] = ()


def into(alterations: list[Alteration]) -> Callable[..., Callable[[Alter], Alter]]:
    """A decorator `(rule, capture, *also)` that adds a function to the list."""

    def alteration(rule: str, capture: str, *also: str) -> Callable[[Alter], Alter]:
        def add(function: Alter) -> Alter:
            alterations.append(Alteration(rule, capture, function, also))
            return function

        return add

    return alteration
