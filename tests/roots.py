"""System roots for tests: those that were fetched on this machine; a test without one skips."""

from __future__ import annotations

import pytest

from wowsim.sysroot import SystemRoot, open_root, prepared

ROOTS = ("wine-8.0", "wine-10.0")


def fetched(name: str = "wine") -> SystemRoot:
    """A named root; the test that asks for it skips when it was not fetched."""
    if prepared(name) is None:
        pytest.skip(f"run: wowsim sysroot fetch {name}")
    return open_root(name)
