"""Calls and user messages side by side."""

import polars as pl

from sctpinspect.tables.sends import receives, sends


def sent_messages(calls: pl.LazyFrame, messages: pl.LazyFrame, associations: pl.LazyFrame) -> pl.LazyFrame:
    """Sends beside the messages on the wire; where one has no counterpart, its columns are null.

    `association`, `side` (the sender's), all columns of `messages`, `frame` and `chunk` of the first
    fragment; of the call `call`, `start_ns`, `end_ns` and, as `sent_*`, what it says of its message.
    """
    sent = _side_by_side(sends(calls, messages, associations), calls, messages, "sent")
    return sent.with_columns(frame="first_frame", chunk="first_chunk")


def received_messages(
    calls: pl.LazyFrame, messages: pl.LazyFrame, chunks: pl.LazyFrame, associations: pl.LazyFrame
) -> pl.LazyFrame:
    """Receives beside the messages on the wire, like `sent_messages`; `side` is the receiver's.

    `frame` is that of the last fragment; the call's columns are `got_*`.
    """
    got = _side_by_side(receives(calls, messages, chunks, associations), calls, messages, "got")
    return got.with_columns(frame="last_frame", chunk=pl.lit(None, pl.UInt16))


def _side_by_side(
    joined: pl.LazyFrame, calls: pl.LazyFrame, messages: pl.LazyFrame, prefix: str
) -> pl.LazyFrame:
    given = ["stream", "ssn", "ppid", "tsn", "unordered", "length", "digest"]
    of_calls = calls.select(
        "call",
        "start_ns",
        "end_ns",
        *["host", "socket", "name"],
        call_frame="frame",
        **{f"{prefix}_{name}": pl.col(name) for name in given},
    )
    of_messages = messages.drop("association", "side", "send_call", "receive_call")
    return (
        joined.join(of_calls, on="call", how="left", maintain_order="left")
        .join(of_messages, on="message", how="left", maintain_order="left")
        .sort("message", "call", nulls_last=True)
    )
