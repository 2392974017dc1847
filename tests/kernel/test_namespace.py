from __future__ import annotations

import pytest
from guest import Guest

from wowsim.errors import GuestFault
from wowsim.kernel.console import ConsoleDevice
from wowsim.kernel.device import Device, NullDevice
from wowsim.kernel.namespace import Directory, Namespace, SymbolicLink
from wowsim.kernel.volume_device import VolumeDevice
from wowsim.nt.status import (
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
)


@pytest.mark.parametrize(
    ("path", "kind", "rest"),
    [
        (r"\??\C:\data\a.txt", VolumeDevice, r"\data\a.txt"),
        (r"\??\c:\data", VolumeDevice, r"\data"),
        (r"\??\C:", VolumeDevice, ""),
        (r"\??\C:\\", VolumeDevice, "\\\\"),
        (r"\DosDevices\C:\x", VolumeDevice, r"\x"),
        (r"\GLOBAL??\C:\x", VolumeDevice, r"\x"),
        (r"\Device\HarddiskVolume1\x", VolumeDevice, r"\x"),
        (r"\SystemRoot\System32\a", VolumeDevice, r"\Windows\System32\a"),
        (r"\??\GLOBALROOT\Device\HarddiskVolume1\x", VolumeDevice, r"\x"),
        (r"\??\nul", NullDevice, ""),
        (r"\??\CONOUT$", ConsoleDevice, r"\CurrentOut"),
        (r"\??\CON", ConsoleDevice, r"\Console"),
    ],
)
def test_paths_lead_to_devices(path: str, kind: type[Device], rest: str) -> None:
    namespace = Guest().k.namespace
    for _ in range(2):  # the second time from memory
        found, remaining = namespace.resolve(path)
        assert type(found) is kind
        assert remaining == rest


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", STATUS_OBJECT_PATH_SYNTAX_BAD),
        ("C:\\a", STATUS_OBJECT_PATH_SYNTAX_BAD),
        (r"\\??\C:\a", STATUS_OBJECT_NAME_INVALID),
        (r"\??\\C:\a", STATUS_OBJECT_NAME_INVALID),
        (r"\??\Z:", STATUS_OBJECT_NAME_NOT_FOUND),
        (r"\??\Z:\a", STATUS_OBJECT_PATH_NOT_FOUND),
        (r"\??\COM1", STATUS_OBJECT_NAME_NOT_FOUND),
        (r"\Nowhere\a\b", STATUS_OBJECT_PATH_NOT_FOUND),
        (r"\??\..\Device\Null", STATUS_OBJECT_PATH_NOT_FOUND),
    ],
)
def test_paths_that_lead_nowhere(path: str, status: int) -> None:
    with pytest.raises(GuestFault) as fault:
        Guest().k.namespace.resolve(path)
    assert fault.value.status == status


def test_remembered_paths_follow_changes() -> None:
    namespace = Guest().k.namespace
    assert isinstance(namespace.resolve(r"\??\NUL")[0], NullDevice)
    links = namespace.find(r"\GLOBAL??")
    assert isinstance(links, Directory)
    links.remove("nul")
    with pytest.raises(GuestFault):
        namespace.resolve(r"\??\NUL")
    links.add("NUL", SymbolicLink(r"\Device\HarddiskVolume1"))
    assert isinstance(namespace.resolve(r"\??\NUL")[0], VolumeDevice)


def test_a_loop_of_links_ends() -> None:
    namespace = Namespace()
    namespace.insert(r"\a", SymbolicLink(r"\b"))
    namespace.insert(r"\b", SymbolicLink(r"\a"))
    with pytest.raises(GuestFault) as fault:
        namespace.resolve(r"\a\x")
    assert fault.value.status == STATUS_OBJECT_NAME_INVALID


def test_names_are_taken_once_and_leaves_have_nothing_below() -> None:
    namespace = Namespace()
    namespace.insert(r"\BaseNamedObjects\Ding", NullDevice("x"))
    with pytest.raises(GuestFault) as fault:
        namespace.insert(r"\BaseNamedObjects\DING", NullDevice("y"))
    assert fault.value.status == STATUS_OBJECT_NAME_COLLISION
    with pytest.raises(GuestFault) as fault:
        namespace.insert(r"\BaseNamedObjects\Ding\below", NullDevice("y"))
    assert fault.value.status == STATUS_OBJECT_TYPE_MISMATCH


def test_relative_to_a_directory() -> None:
    namespace = Guest().k.namespace
    device = namespace.find(r"\Device")
    assert isinstance(namespace.resolve("null", device)[0], NullDevice)
    with pytest.raises(GuestFault) as fault:
        namespace.resolve(r"\Null", device)
    assert fault.value.status == STATUS_OBJECT_PATH_SYNTAX_BAD
