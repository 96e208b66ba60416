"""The sandbox: hosts, paths and a recorder in namespaces, and a scenario run on them.

`record` is the side of the caller; `run` and what it uses happen in the chosen kernel, where imports are
slow: so nothing is imported here.
"""

USRSCTP = "usrsctp.library"
"""File of a run's folder with the name of usrsctp's shared library, for a host that brings this stack."""
