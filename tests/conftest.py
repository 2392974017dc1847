from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from roots import ROOTS, fetched

if TYPE_CHECKING:
    from wowsim.sysroot import SystemRoot

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session", params=ROOTS)
def wine_root(request: pytest.FixtureRequest) -> SystemRoot:
    """Each of the named roots."""
    name: str = request.param
    return fetched(name)
