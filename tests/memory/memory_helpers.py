"""Shared by the tests of the memory manager."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from wowsim.errors import GuestFault
from wowsim.nt.status import name_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def refused(status: int) -> Iterator[None]:
    """The block must raise GuestFault with this status."""
    with pytest.raises(GuestFault) as caught:
        yield
    assert name_of(caught.value.status) == name_of(status)
