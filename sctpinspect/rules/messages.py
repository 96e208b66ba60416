"""Sub-queries that put calls and user messages side by side."""

import polars as pl

from sctpinspect.rules.view import View


def sent_messages(t: View) -> pl.LazyFrame:
    """Sends beside the messages on the wire; where one has no counterpart, its columns are null.

    `association`, `side` (the sender's), all columns of `messages`, `frame` and `chunk` of the first
    fragment; of the call `call`, `start_ns`, `end_ns` and, as `sent_*`, what it says of its message.
    """
    return _side_by_side(t, t.sends, "sent").with_columns(frame="first_frame", chunk="first_chunk")


def received_messages(t: View) -> pl.LazyFrame:
    """Receives beside the messages on the wire, like `sent_messages`; `side` is the receiver's.

    `frame` is that of the last fragment; the call's columns are `got_*`.
    """
    return _side_by_side(t, t.receives, "got").with_columns(frame="last_frame", chunk=pl.lit(None, pl.UInt16))


def _side_by_side(t: View, joined: pl.LazyFrame, prefix: str) -> pl.LazyFrame:
    given = ["stream", "ssn", "ppid", "tsn", "unordered", "length", "digest"]
    calls = t.calls.select(
        "call",
        "start_ns",
        "end_ns",
        *["host", "socket", "name"],
        call_frame="frame",
        **{f"{prefix}_{name}": pl.col(name) for name in given},
    )
    messages = t.messages.drop("association", "side", "send_call", "receive_call")
    return (
        joined.join(calls, on="call", how="left", maintain_order="left")
        .join(messages, on="message", how="left", maintain_order="left")
        .sort("message", "call", nulls_last=True)
    )
