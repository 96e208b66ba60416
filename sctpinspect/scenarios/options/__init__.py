"""Socket options (RFC 6458 §8): what each changes on the wire, and what those that are read say of it."""
