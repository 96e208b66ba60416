"""What the decoder finds malformed: names that stay the same, each with its meaning."""

DEFECTS: dict[str, str] = {
    # of a packet
    "common_header_cut": "the IP payload is shorter than the common header of 12 bytes (RFC 9260 §3.1)",
    "cut_by_snaplen": "the capture holds less of it than the headers say",
    "cut_by_fragmentation": "only the first IP fragment of it is known",
    "no_chunks": "nothing follows the common header",
    "bytes_after_chunks": "one to three bytes follow the last chunk, too few for a chunk header",
    # of a chunk (RFC 9260 §3.2); also cut_by_snaplen and cut_by_fragmentation
    "chunk_length_short": "length field below 4, the size of the chunk header: what follows cannot be found",
    "chunk_overruns_packet": "length field reaches beyond the packet",
    "chunk_value_short": "too short for the fields of its type",
    "chunk_padding_missing": "the packet ends where pad bytes should stand",
    "sack_counts_overrun_chunk": "counts more gap ack blocks and duplicate TSNs than it holds (§3.3.4)",
    "bytes_after_parameters": "one to three bytes follow the last parameter or error cause",
    # of a parameter (RFC 9260 §3.2.1); also cut_by_snaplen and cut_by_fragmentation
    "parameter_length_short": "length field below 4: the parameters that follow cannot be found",
    "parameter_overruns_chunk": "length field reaches beyond the chunk",
    "parameter_length_wrong": "not the length that its type has",
    "parameter_value_short": "too short for the fields of its type",
    # of an error cause (RFC 9260 §3.3.10); also cut_by_snaplen and cut_by_fragmentation
    "cause_length_short": "length field below 4: the error causes that follow cannot be found",
    "cause_overruns_chunk": "length field reaches beyond the chunk",
    "cause_value_short": "too short for the fields of its code",
    # of what a parameter or error cause holds: a parameter, error cause or chunk
    "held_length_short": "length field below 4: what follows in the same value cannot be found",
    "held_overruns_holder": "length field reaches beyond the value that it stands in",
}

NAMES: list[str | None] = [None, *DEFECTS]
"""Defects by the numbers that rows have (`sctpinspect.decode.rows`); 0: none."""

UNREADABLE = "of the journal cannot be read"
"""How the defect of a file ends whose journal is damaged."""

CUT = "what follows was not read"
"""How the defect of a file ends that was not read to its end."""
