"""The 32-bit view of keys, and the rewriting of values."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import GuestFault
from wowsim.host64.registry_redirection import LONGEST, redirect, rewrite_program_files
from wowsim.nt.registry_structures import KEY_WOW64_32KEY, KEY_WOW64_64KEY
from wowsim.nt.status import STATUS_INVALID_PARAMETER

HKLM = r"\REGISTRY\MACHINE"
USER = r"\REGISTRY\USER\S-1-5-21-1-2-3-1001"
VERSION = r"Microsoft\Windows NT\CurrentVersion"

SHARED = {
    # wow64-facts section 11: name -> also shared before Windows 7
    r"Clients": False,
    r"Policies": True,
    r"RegisteredApplications": True,
    r"Microsoft\COM3": False,
    r"Microsoft\Cryptography\Calais\Current": True,
    r"Microsoft\Cryptography\Calais\Readers": True,
    r"Microsoft\Cryptography\Services": True,
    r"Microsoft\CTF\SystemShared": True,
    r"Microsoft\CTF\TIP": True,
    r"Microsoft\DFS": True,
    r"Microsoft\Driver Signing": True,
    r"Microsoft\EnterpriseCertificates": True,
    r"Microsoft\EventSystem": False,
    r"Microsoft\MSMQ": True,
    r"Microsoft\Non-Driver Signing": True,
    r"Microsoft\Notepad\DefaultFonts": False,
    r"Microsoft\OLE": False,
    r"Microsoft\RAS": True,
    r"Microsoft\RPC": False,
    r"Microsoft\Shared Tools\MSInfo": True,
    r"Microsoft\SystemCertificates": True,
    r"Microsoft\TermServLicensing": True,
    r"Microsoft\Transaction Server": True,
    r"Microsoft\Windows\CurrentVersion\App Paths": False,
    r"Microsoft\Windows\CurrentVersion\Control Panel\Cursors\Schemes": True,
    r"Microsoft\Windows\CurrentVersion\Explorer\AutoplayHandlers": False,
    r"Microsoft\Windows\CurrentVersion\Explorer\DriveIcons": False,
    r"Microsoft\Windows\CurrentVersion\Explorer\KindMap": False,
    r"Microsoft\Windows\CurrentVersion\Group Policy": True,
    r"Microsoft\Windows\CurrentVersion\Policies": True,
    r"Microsoft\Windows\CurrentVersion\PreviewHandlers": False,
    r"Microsoft\Windows\CurrentVersion\Setup": True,
    r"Microsoft\Windows\CurrentVersion\Telephony\Locations": True,
    rf"{VERSION}\Console": False,
    rf"{VERSION}\FontDpi": True,
    rf"{VERSION}\FontLink": False,
    rf"{VERSION}\FontMapper": True,
    rf"{VERSION}\Fonts": True,
    rf"{VERSION}\FontSubstitutes": True,
    rf"{VERSION}\Gre_Initialize": False,
    rf"{VERSION}\Image File Execution Options": False,
    rf"{VERSION}\Language Pack": False,
    rf"{VERSION}\NetworkCards": True,
    rf"{VERSION}\Perflib": True,
    rf"{VERSION}\Ports": True,
    rf"{VERSION}\Print": True,
    rf"{VERSION}\ProfileList": True,
    rf"{VERSION}\Time Zones": True,
}


@pytest.mark.parametrize(("key", "always"), SHARED.items())
@pytest.mark.parametrize("below", ["", r"\deeper\still"])
def test_shared_keys_have_one_copy(key: str, always: bool, below: str) -> None:
    path = rf"{HKLM}\SOFTWARE\{key}{below}"
    own = rf"{HKLM}\SOFTWARE\Wow6432Node\{key}{below}"
    assert redirect(path, 0, since_win7=True) is None
    assert redirect(path, 0, since_win7=False) == (None if always else own)
    # below a handle of the 32-bit view the shared key is reached again
    assert redirect(own, 0, since_win7=True) == path
    assert redirect(path.lower(), 0, since_win7=True) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (rf"{HKLM}\SOFTWARE", rf"{HKLM}\SOFTWARE\Wow6432Node"),
        (rf"{HKLM}\SOFTWARE\Hello", rf"{HKLM}\SOFTWARE\Wow6432Node\Hello"),
        (rf"{HKLM}\Software\hello\World", rf"{HKLM}\Software\Wow6432Node\hello\World"),
        (r"\Registry\Machine\Software\x", r"\Registry\Machine\Software\Wow6432Node\x"),
        (rf"{HKLM}\SOFTWARE\{VERSION}", rf"{HKLM}\SOFTWARE\Wow6432Node\{VERSION}"),
        (rf"{HKLM}\SOFTWARE\{VERSION}\FontsX", rf"{HKLM}\SOFTWARE\Wow6432Node\{VERSION}\FontsX"),
        (rf"{HKLM}\SOFTWARE\Policy", rf"{HKLM}\SOFTWARE\Wow6432Node\Policy"),
        (rf"{HKLM}\SOFTWARE\Wow6432Node", None),
        (rf"{HKLM}\SOFTWARE\Wow6432Node\Hello", None),
        (rf"{HKLM}\SOFTWAREX\Hello", None),
        (rf"{HKLM}\SYSTEM\SOFTWARE\Hello", None),
        (HKLM, None),
        (r"\REGISTRY", None),
        (r"\REGISTRY\USER", None),
        (rf"{USER}\SOFTWARE\Hello", None),
        (rf"{USER}\SOFTWARE\Wow6432Node\Hello", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("since_win7", [True, False])
def test_software_is_redirected(path: str, expected: str | None, since_win7: bool) -> None:
    assert redirect(path, 0, since_win7) == expected


@pytest.mark.parametrize(
    "classes", [rf"{HKLM}\SOFTWARE\Classes", rf"{USER}\SOFTWARE\Classes", rf"{USER}_Classes"]
)
@pytest.mark.parametrize("name", ["CLSID", "DirectShow", "Interface", "Media Type", "MediaFoundation"])
@pytest.mark.parametrize("since_win7", [True, False])
def test_classes_with_two_copies(classes: str, name: str, since_win7: bool) -> None:
    expected = rf"{classes}\Wow6432Node\{name}\a"
    assert redirect(rf"{classes}\{name}\a", 0, since_win7) == expected
    assert redirect(expected, 0, since_win7) is None


@pytest.mark.parametrize(
    "classes", [rf"{HKLM}\SOFTWARE\Classes", rf"{USER}\SOFTWARE\Classes", rf"{USER}_Classes"]
)
@pytest.mark.parametrize("name", [".txt", "AppID", "TypeLib", "CLSIDs"])
def test_other_classes_were_redirected_before_windows_7(classes: str, name: str) -> None:
    assert redirect(rf"{classes}\{name}", 0, since_win7=True) is None
    assert redirect(rf"{classes}\Wow6432Node\{name}", 0, since_win7=True) == rf"{classes}\{name}"
    assert redirect(rf"{classes}\{name}", 0, since_win7=False) == rf"{classes}\Wow6432Node\{name}"
    assert redirect(rf"{classes}\HCP", 0, since_win7=False) is None
    assert redirect(classes, 0, since_win7=True) is None
    assert redirect(classes, 0, since_win7=False) == rf"{classes}\Wow6432Node"


def test_a_handle_of_the_32_bit_view_leads_to_the_classes_of_that_view() -> None:
    base = rf"{HKLM}\SOFTWARE\Wow6432Node\Classes"
    assert redirect(rf"{base}\CLSID\x", 0, since_win7=True) == rf"{HKLM}\SOFTWARE\Classes\Wow6432Node\CLSID\x"
    assert redirect(rf"{base}\.txt", 0, since_win7=True) == rf"{HKLM}\SOFTWARE\Classes\.txt"


def test_flags_choose_the_view() -> None:
    path = rf"{HKLM}\SOFTWARE\Hello"
    assert redirect(path, KEY_WOW64_64KEY | 0x20019, since_win7=True) is None
    assert redirect(path, KEY_WOW64_32KEY | 0x20019, since_win7=True) == redirect(
        path, 0x20019, since_win7=True
    )
    with pytest.raises(GuestFault) as error:
        redirect(path, KEY_WOW64_32KEY | KEY_WOW64_64KEY, since_win7=True)
    assert error.value.status == STATUS_INVALID_PARAMETER


NAMES = [
    "REGISTRY", "MACHINE", "USER", "SOFTWARE", "Classes", "Wow6432Node", "CLSID", "Policies", "a", "S_Classes", "",
]  # fmt: skip


@given(
    st.lists(
        st.sampled_from(NAMES),
        max_size=8,
    ),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=300, derandomize=True)
def test_a_redirected_path_stays(parts: list[str], since_win7: bool) -> None:
    """Twice is once, unless the program nests Wow6432Node itself."""
    found = redirect("\\" + "\\".join(parts), 0, since_win7)
    if found is not None and parts.count("Wow6432Node") < 2:
        assert redirect(found, 0, since_win7) in (None, found)


def text(value: str) -> bytes:
    return (value + "\0").encode("utf-16-le")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (1, r"%ProgramFiles%\a", r"%ProgramFiles(x86)%\a"),
        (2, "%ProgramFiles%", "%ProgramFiles(x86)%"),
        (2, r"%commonprogramfiles%\b", r"%commonprogramfiles(x86)%\b"),
        (2, r"%CommonProgramFiles%\b", None),
        (2, r"%programfiles%\b", None),
        (1, r" %ProgramFiles%", None),
        (1, r"%ProgramFiles(x86)%", None),
        (3, r"%ProgramFiles%", None),
        (7, r"%ProgramFiles%", None),
        (1, "", None),
    ],
)
def test_program_files(kind: int, value: str, expected: str | None) -> None:
    assert rewrite_program_files(kind, text(value)) == (None if expected is None else text(expected))


def test_long_strings_and_odd_bytes() -> None:
    start = "%ProgramFiles%".encode("utf-16-le")
    assert rewrite_program_files(1, start.ljust(LONGEST, b"x")) is not None
    assert rewrite_program_files(1, start.ljust(LONGEST + 1, b"x")) is None
    assert rewrite_program_files(1, start[:-1]) is None
