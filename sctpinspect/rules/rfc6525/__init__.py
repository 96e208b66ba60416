"""RFC 6525, stream reconfiguration: what the calls that ask for it do on the wire."""
