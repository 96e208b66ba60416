"""RFC 6458, the socket API: what each call does on the wire, and what the wire makes calls return."""
