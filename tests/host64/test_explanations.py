"""What is said of a thunk is what it does: words and conversions agree for every service."""

from __future__ import annotations

import pytest

from wowsim.host64.conversions import OBJECT_ATTRIBUTES_IN, conversion
from wowsim.host64.explanations import besides, describe
from wowsim.host64.overrides import buffers, overrides
from wowsim.kernel.services import known
from wowsim.nt.abi import APC_CONTEXT, HANDLE, PAPC_ROUTINE, SCALARS, Array, Pass
from wowsim.nt.builds import BUILDS

PASSED = ("zero-extended", "pointer passed, zero-extended", "sign-extended", "two slots, passed as one")
BUILD = BUILDS["win10-22h2"]


@pytest.mark.parametrize("name", sorted(known()))
def test_words_and_conversions_agree(name: str) -> None:
    for parameter in known()[name].prototype.parameters:
        words, how = describe(parameter), conversion(name, parameter)
        if isinstance(parameter.pointee, Array):
            assert words.startswith("array: each ")
        elif parameter.kind in (PAPC_ROUTINE, APC_CONTEXT):
            assert words.startswith("apc: ")
        elif how is None:
            assert words in PASSED
            scalar = SCALARS.get(parameter.kind)
            handle = (
                parameter.passed is Pass.VALUE and scalar is not None and scalar.sign and scalar.size(64) == 8
            )
            assert (words == "sign-extended") == (handle and scalar is SCALARS[HANDLE])
        else:
            assert words not in PASSED
            assert ("refused" in words) == (how.size == 0)
            assert words.startswith("deep-converted with its name") == (how is OBJECT_ATTRIBUTES_IN)
            assert ("back" in words) == (how.finish is not None)


def test_every_override_is_named() -> None:
    for name in {*overrides(BUILD), *buffers(BUILD)}:
        assert list(besides(BUILD, known()[name].prototype)), name


def test_others_have_none() -> None:
    assert not list(besides(BUILD, known()["NtClose"].prototype))
