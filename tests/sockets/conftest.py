"""What is in `guest` runs in a kernel with SCTP, started by test_on_kernel.py."""

collect_ignore = ["guest"]
