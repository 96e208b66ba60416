"""RFC 6458 §5.3.5: what a receive says of its message: SCTP_RCVINFO, SCTP_SNDRCV, sctp_recvmsg()."""

import polars as pl

from sctpinspect.rules import Judgement, Level, View, rule
from sctpinspect.rules.queries import found
from sctpinspect.tables.steps import steps

FIELDS = ["stream", "ssn", "ppid", "unordered", "tsn"]


@rule(
    "rfc6458/5.3.5/rcvinfo-fields",
    level=Level.MUST,
    cites=["RFC 6458 §5.3.5", "RFC 6458 §5.3.2", "RFC 6458 §9.8"],
)
def rcvinfo_fields(t: View) -> Judgement:
    """A receive returns stream, SSN, PPID, U bit and TSN of the message on the wire.

    What it checks: each of these that the call returned.
    Why it matters: the application acts on them.
    What the capture must contain: the journal of the receiver, with SCTP_RCVINFO or SCTP_SNDRCV switched on.
    Known exceptions: the SSN of an unordered message means nothing; of I_DATA it is the low half of the MID;
    the TSN may be that of any fragment; a message not whole in the capture is not judged.
    References: RFC 6458 §5.3.5; RFC 6458 §5.3.2; RFC 6458 §9.8.
    """
    subjects = t.received_messages.filter(
        pl.col("call").is_not_null()
        & pl.col("message").is_not_null()
        & pl.col("complete")
        & pl.any_horizontal(pl.col(f"got_{name}").is_not_null() for name in FIELDS)
    )
    ssn = pl.coalesce(pl.col("ssn").cast(pl.UInt32), pl.col("mid") % (1 << 16))
    differs = {
        "stream": pl.col("got_stream") != pl.col("stream"),
        "SSN": ~pl.col("unordered") & (pl.col("got_ssn") != ssn),
        "PPID": pl.col("got_ppid") != pl.col("ppid"),
        "U bit": pl.col("got_unordered") != pl.col("unordered"),
        "TSN": (steps(pl.col("first_tsn"), pl.col("got_tsn")) < 0)
        | (steps(pl.col("got_tsn"), pl.col("last_tsn")) < 0),
    }
    names = pl.concat_list(
        pl.when(differing).then(pl.lit(name)) for name, differing in differs.items()
    ).list.drop_nulls()
    violations = subjects.with_columns(names=names).filter(pl.col("names").list.len() > 0)

    def fields(*columns: str) -> pl.Expr:
        told = [pl.col(name).cast(pl.String).fill_null("unknown") for name in columns]
        return pl.format("stream {}, SSN {}, PPID {}, TSN {}", *told)

    expected = fields("stream", "ssn", "ppid", "first_tsn")
    got = fields("got_stream", "got_ssn", "got_ppid", "got_tsn")
    actual = pl.format("another {}: {}", pl.col("names").list.join(" and "), got)
    return Judgement(subjects, found(violations, expected, actual))
