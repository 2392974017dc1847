"""``python -m wowsim.kernel.declared``: lists the declarations that an implementation has made superfluous."""

from __future__ import annotations

import sys

from wowsim.kernel.declared import declarations
from wowsim.kernel.services import implemented


def main() -> int:
    """Print one line for each; exit code 1 when there are any."""
    found = declarations()
    both = sorted(found.keys() & implemented().keys())
    for name in both:
        declared, handler = found[name], implemented()[name].handler
        line = declared.__code__.co_firstlineno
        print(f"{name}: declared in {declared.__module__}:{line}, implemented in {handler.__module__}")
    return int(bool(both))


if __name__ == "__main__":
    sys.exit(main())
