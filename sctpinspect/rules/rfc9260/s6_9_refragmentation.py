"""RFC 9260 §6.9: fragments stay as they are."""

import polars as pl

from sctpinspect.rules import Judgement, Level, Need, View, rule
from sctpinspect.rules.queries import USER_DATA, found, moved_numbers
from sctpinspect.tables.associations import ENDPOINT, is_type


@rule(
    "rfc9260/6.9/no-refragmentation",
    level=Level.MUST,
    cites=["RFC 9260 §6.9"],
    to_fail=[Need.NO_SIGN_OF_LOSS],
)
def no_refragmentation(t: View) -> Judgement:
    """A fragment that is sent again is neither cut anew nor put together with others.

    What it checks: that DATA of a fragmented message has the same length, and B and E bits, whenever it is
    sent.
    Why it matters: the receiver may have some of the old fragments; with new ones they make no message.
    What the capture must contain: a fragment that was sent again.
    Known exceptions: associations with RE_CONFIG or FORWARD_TSN are left out.
    References: RFC 9260 §6.9.
    """
    same = ["payload_length", "beginning", "ending"]
    data = t.chunks.filter(is_type(*USER_DATA) & pl.col("association").is_not_null()).join(
        moved_numbers(t), on="association", how="anti", maintain_order="left"
    )
    again = data.filter("is_retransmission")
    key = [*ENDPOINT, "tsn"]
    first = (
        data.join(again.select(key).unique(), on=key, how="semi", maintain_order="left")
        .unique(key, keep="first", maintain_order=True)
        .select(*key, first_frame="frame", **{f"first_{name}": pl.col(name) for name in same})
    )
    is_fragment = ~(pl.col("first_beginning") & pl.col("first_ending"))
    subjects = again.join(first, on=key, maintain_order="left").filter(is_fragment)
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"first_{name}") for name in same)
    violations = subjects.filter(differs).with_columns(frames=pl.concat_list("first_frame", "frame"))
    expected = pl.format("the {} bytes of frame {}", "first_payload_length", "first_frame")
    actual = pl.format("TSN {} with {} bytes", "tsn", "payload_length")
    return Judgement(subjects, found(violations, expected, actual), moved_numbers(t))
