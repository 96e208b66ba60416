"""The lessons of the classic Linux SCTP tutorials, one scenario each."""
