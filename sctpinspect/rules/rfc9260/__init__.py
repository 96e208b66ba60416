"""RFC 9260, the Stream Control Transmission Protocol: what the wire alone shows."""
