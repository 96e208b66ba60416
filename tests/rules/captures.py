"""All good captures by name: `rules.good`, and `rules.good_data` on DATA, losses and timers."""

from collections.abc import Callable

from rules import good, good_data

FAULTS = good_data.FAULTS

CAPTURES: dict[str, Callable[[], good.Story]] = {**good.CAPTURES, **good_data.CAPTURES}
