"""`python -m sctpinspect`: the commands."""

import sys

from sctpinspect.cli import main

sys.exit(main())
