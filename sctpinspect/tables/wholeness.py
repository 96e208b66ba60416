"""Whether a recording has all that there was."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from sctpinspect.journal import RECORDING_ENDED


def is_whole(
    interfaces: pl.DataFrame,
    packets: pl.DataFrame,
    events: pl.DataFrame,
    recipe: Mapping[str, Any],
    defects: Sequence[str],
) -> bool:
    """Whether sctpinspect recorded all that its hosts ever sent: from before their first call to the end."""
    ended = bool((events["name"] == RECORDING_ENDED).any())
    is_cut = bool((packets["captured_length"] < packets["length"]).any())
    return bool(recipe) and ended and not is_cut and not defects and counted_none(interfaces)


def counted_none(interfaces: pl.DataFrame) -> bool:
    """Whether the capture states that it dropped nothing."""
    return bool((interfaces["dropped"] == 0).fill_null(False).all())
