"""Linux: options that no RFC describes, settings of the system, and what it does where RFC 6458 is silent."""
