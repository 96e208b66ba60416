"""What a header says comes next: one number space for the registries that say it.

An EtherType stands for itself. `PROTOCOL` + n is protocol n of IP, `LINK` + n a frame of LINKTYPE_ n.

A function of a layer takes the bytes with the bounds of what it may look at, and gives the layer that it
carries and the bounds of that; `NOTHING` if it is cut short, or carries nothing that is decoded here.
"""

NOTHING = -1
UNKNOWN_LINK = -2

IPV4, IPV6 = 0x0800, 0x86DD
IP = IPV4
"""Either: the version in the header decides."""
BRIDGED = 0x6558  # an Ethernet frame in a tunnel
PPP_SESSION, MPLS, FABRIC_PATH = 0x8864, 0x8847, 0x8903

PROTOCOL = 1 << 16
SCTP, UDP, ICMP, ICMPV6, GRE, AH = (PROTOCOL + number for number in (132, 17, 1, 58, 47, 51))

LINK = 1 << 17
ETHERNET, PPP = LINK + 1, LINK + 9
EXPORTED = LINK + 252
