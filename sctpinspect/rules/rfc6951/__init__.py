"""RFC 6951: SCTP in UDP."""
