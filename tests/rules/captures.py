"""All good captures by name."""

from collections.abc import Callable

from rules import good, good_data, good_options, good_setup

CAPTURES: dict[str, Callable[[], good.Story]] = (
    good.CAPTURES | good_data.CAPTURES | good_options.CAPTURES | good_setup.CAPTURES
)
