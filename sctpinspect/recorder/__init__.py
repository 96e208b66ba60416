"""The recorder: a packet ring goes to a spool while a run lasts, and the spool becomes a capture file."""
