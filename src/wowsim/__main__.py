"""``python -m wowsim``: the command line."""

from __future__ import annotations

import sys

from wowsim.cli import main

sys.exit(main())
