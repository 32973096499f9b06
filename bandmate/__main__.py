"""Run the command line as ``python -m bandmate``."""

import sys

from bandmate.cli import main

sys.exit(main())
