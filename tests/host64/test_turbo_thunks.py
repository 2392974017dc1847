"""The turbo table fits the services that name its entries."""

from __future__ import annotations

import re

import pytest

from sampled import EVERY_WOW64
from wowsim.host64.turbo_thunks import TURBO_NAMES
from wowsim.kernel.services import implemented
from wowsim.nt.abi import SCALARS, Parameter, Pass
from wowsim.nt.builds import services

ZERO_EXTENDED = {"NtAlertThreadByThreadId": [False]}
"""Whose handles are none: a thread id travels as HANDLE, and its thunk fills with zeros."""
BY_NAME = {
    "QuerySystemTime": {"NtQuerySystemTime"},
    "GetCurrentProcessorNumber": {"NtGetCurrentProcessorNumber"},
    "ReadWriteFile": {"NtReadFile", "NtWriteFile", "NtReadFileScatter", "NtWriteFileGather"},
    "DeviceIoctlFile": {"NtDeviceIoControlFile", "NtFsControlFile"},
    "RemoveIoCompletion": {"NtRemoveIoCompletion"},
    "WaitForMultipleObjects": {"NtWaitForMultipleObjects"},
    "WaitForMultipleObjects32": {"NtWaitForMultipleObjects32"},
}


def extends(parameter: Parameter) -> bool:
    """Whether its 32-bit slot is sign-extended."""
    scalar = SCALARS.get(parameter.kind)
    return parameter.passed is Pass.VALUE and scalar is not None and scalar.sign and scalar.size(64) == 8


@pytest.mark.parametrize("build", EVERY_WOW64)
def test_every_turbo_thunk_loads_its_services_arguments_as_their_signatures_say(build: str) -> None:
    known = implemented()
    compared = 0
    for row in services(build):
        thunk = TURBO_NAMES[row.turbo]
        if not row.turbo:
            continue
        plain = re.fullmatch(r"Thunk(\d)Arg((?:N?Sp)*)(?:ReloadState)?", thunk)
        if plain is None:
            assert row.name in BY_NAME[thunk]
            continue
        assert row.arguments == int(plain[1]), row.name
        signs = [flag == "Sp" for flag in re.findall("N?Sp", plain[2])]
        assert len(signs) == row.arguments
        if row.name in known:
            declared = [extends(parameter) for parameter in known[row.name].prototype.parameters]
            assert signs == ZERO_EXTENDED.get(row.name, declared), row.name
            compared += 1
    assert compared > 15
