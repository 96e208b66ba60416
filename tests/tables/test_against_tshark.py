"""Associations of captures by other projects, beside tshark's count of them."""

import os
from pathlib import Path

import polars as pl
import pytest

from sctpinspect.decode import decode
from sctpinspect.tables import TABLES, polars_schema
from sctpinspect.tables.build import build

ENVIRONMENT = "SCTPINSPECT_CAPTURES"
SIBLING = Path(__file__).parents[3] / "shared" / "captures-external"
FOLDER = Path(os.environ.get(ENVIRONMENT, SIBLING))
CAPTURES = sorted(path for path in FOLDER.glob("*") if path.suffix in (".pcap", ".pcapng", ".cap"))
MANIFEST = FOLDER / "MANIFEST.md"

pytestmark = pytest.mark.skipif(
    not CAPTURES or not MANIFEST.exists(), reason=f"no captures in ${ENVIRONMENT} or beside the repository"
)

# where we count otherwise than tshark: how many, and why
DIFFERENT = {
    "arkime__m3ua_synthetic.pcap": (
        18,
        "4 are listed backwards, INIT_ACK (tag 0) before INIT: no common tag",
    ),
    "magma__gx_gy_combined_06_210505_133132-1.pcapng": (6, "tshark counts one pair of tags twice"),
    "mrp__megaco.pcap": (1, "one tag; the manifest counts the malformed packets apart"),
    "mrp__sctp-fuzz-part1.pcap": (493, "random tags and ports; tshark counts none"),
    "openss7__compaq169.pcap": (2, "one SACK goes to an address that the DATA does not come from"),
    "pcapflowlab__13_sctp_truncated_data_chunk_header.pcap": (0, "no whole chunk"),
    "uecapabilityparser__sctpS1apNgap.pcap": (
        24,
        "tshark takes a packet between other addresses for one of them",
    ),
    "wireshark-wiki__11.pcap": (7, "tshark parts two directions of the same addresses and ports"),
    "wireshark-wiki__camel.pcap": (0, "DATA with tag 0 only, which no endpoint can have chosen"),
    "wireshark-wiki__expire-sample-merged.cap": (2, "two pairs of addresses, one tag each"),
    "zeek__cisco-fabric-path.pcap": (0, "common headers without chunks"),
}


def counted_by_tshark() -> dict[str, int]:
    """The column "assoc" of the manifest, by file."""
    rows = [[cell.strip() for cell in line.split("|")] for line in MANIFEST.read_text().splitlines()]
    return {row[1]: int(row[8]) for row in rows if len(row) > 10 and row[8].isdecimal()}


@pytest.fixture(scope="module", params=CAPTURES, ids=lambda path: path.name)
def capture(request):
    return request.param, build(decode(request.param))


def test_as_many_associations_as_tshark_counts(capture):
    path, found = capture
    expected, _ = DIFFERENT.get(path.name) or (counted_by_tshark()[path.name], "as tshark")
    assert found.associations.height == expected


def test_tables_are_consistent(capture):
    _, found = capture
    for name, schema in TABLES.items():
        assert getattr(found, name).schema == polars_schema(schema)
    assert found.endpoints.height == 2 * found.associations.height
    assert found.associations["association"].to_list() == list(range(found.associations.height))
    assert found.associations["first_frame"].is_sorted()
    inside = found.packets.drop_nulls("association")
    assert inside["path"].null_count() == 0
    counts = inside.filter(~pl.col("is_copy")).group_by("association").len().sort("association")["len"]
    assert counts.equals(found.associations["packets"].cast(pl.UInt32), check_names=False)
    data = found.chunks.filter(pl.col("tsn").is_not_null() & pl.col("association").is_not_null())
    assert data["message"].null_count() == data["is_retransmission"].null_count() == 0
    assert found.messages.filter("complete")["chunks"].sum() <= data.height


def test_packets_with_a_tag_of_their_own_share_it_with_their_association(capture):
    """Where a packet's tag is not its receiver's, it is an INIT, reflected, or wrong."""
    path, found = capture
    tags = found.endpoints.select("association", "tag", side=(1 - pl.col("side")).cast(pl.UInt8))
    closing = found.chunks.filter(pl.col("type_name").is_in(["INIT", "ABORT", "SHUTDOWN_COMPLETE"])).select(
        "packet"
    )
    other = (
        found.packets.join(tags, on=["association", "side"])
        .filter(pl.col("verification_tag") != pl.col("tag"))
        .join(closing, on="packet", how="anti")
    )
    wrong = {"arkime__m3ua_synthetic.pcap"}
    assert path.name in wrong or other.height == 0, other.select("frame", "verification_tag", "tag").rows()[
        :5
    ]


def test_every_difference_is_one():
    counted = counted_by_tshark()
    for name, (ours, _) in DIFFERENT.items():
        assert counted.get(name) != ours
