"""Structures of the socket API as usrsctp lays them out (usrsctp.h), where that is not Linux' way.

Their fields are the same, under the same names; the order, the width or the byte order differs.
"""

from typing import Annotated

from sctpinspect.journal import freebsd, structures
from sctpinspect.journal.layout import Layouts, Nested, Numbers
from sctpinspect.journal.structures import U16, U32

FREEBSD: Numbers = {name: value for name, value in vars(freebsd).items() if name.isupper()}


class _AssocInfo(
    structures.AssocInfo,
    fields="sasoc_assoc_id sasoc_peer_rwnd sasoc_local_rwnd sasoc_cookie_life sasoc_asocmaxrxt"
    " sasoc_number_peer_destinations",
):
    pass


class _PrimaryAddr(structures.PrimaryAddr, fields="ssp_addr ssp_assoc_id"):
    pass


class _SetPeerPrimaryAddr(structures.SetPeerPrimaryAddr, fields="sspp_addr sspp_assoc_id"):
    pass


class _PeerAddrParams(
    structures.PeerAddrParams,
    fields="spp_address spp_assoc_id spp_hbinterval spp_pathmtu spp_flags spp_ipv6_flowlabel spp_pathmaxrxt"
    " spp_dscp",
):
    """It has no spp_sackdelay."""


class _GetPeerAddrInfo(
    structures.GetPeerAddrInfo,
    fields="spinfo_address spinfo_assoc_id spinfo_state spinfo_cwnd spinfo_srtt spinfo_rto spinfo_mtu",
):
    pass


class _Status(structures.Status):
    sstat_primary: Annotated[_GetPeerAddrInfo | None, Nested(_GetPeerAddrInfo)] = None


class _DefaultPrInfo(structures.DefaultPrInfo, fields="pr_policy pr_value pr_assoc_id"):
    pass


class _RemoteUdpEncapsPort(structures.RemoteUdpEncapsPort, fields="sue_address sue_assoc_id sue_port"):
    pass


class _AssocChange(structures.AssocChange):
    sac_error: U16 = 0


class _RemoteError(structures.RemoteError):
    sre_error: U16 = 0


class _SendFailedEvent(structures.SendFailedEvent):
    ssf_error: U32 = 0


class _PartialDeliveryEvent(
    structures.PartialDeliveryEvent,
    fields="pdapi_type pdapi_flags pdapi_length pdapi_indication pdapi_stream pdapi_seq pdapi_assoc_id",
):
    pass


LAYOUTS: Layouts = {
    structures.AssocInfo: _AssocInfo,
    structures.PrimaryAddr: _PrimaryAddr,
    structures.SetPeerPrimaryAddr: _SetPeerPrimaryAddr,
    structures.PeerAddrParams: _PeerAddrParams,
    structures.GetPeerAddrInfo: _GetPeerAddrInfo,
    structures.Status: _Status,
    structures.DefaultPrInfo: _DefaultPrInfo,
    structures.RemoteUdpEncapsPort: _RemoteUdpEncapsPort,
    structures.AssocChange: _AssocChange,
    structures.RemoteError: _RemoteError,
    structures.SendFailedEvent: _SendFailedEvent,
    structures.PartialDeliveryEvent: _PartialDeliveryEvent,
}
"""The structures of `journal.structures` that are laid out in another way, and how."""
