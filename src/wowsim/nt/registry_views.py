r"""The 32-bit view of the registry: where a key of the 64-bit view lies for a 32-bit program.

Source: wow64-facts section 11 and "Registry Keys Affected by WOW64" (Microsoft Learn), whose second column holds
before Windows 7; reflection, which only copied between the views, is left out. A name that goes through
``Wow6432Node`` already is taken as the name without it first, so that a shared key is found below a handle of the
32-bit view (unverified). Who may import it: everybody; wow64.dll and the kernel both redirect by it.
"""

from __future__ import annotations

NODE = "Wow6432Node"
SOFTWARE = ("REGISTRY", "MACHINE", "SOFTWARE")


def _paths(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(line.strip().upper().split("\\")) for line in text.strip().splitlines())


_SHARED = _paths(
    r"""
    Microsoft\Cryptography\Calais\Current
    Microsoft\Cryptography\Calais\Readers
    Microsoft\Cryptography\Services
    Microsoft\CTF\SystemShared
    Microsoft\CTF\TIP
    Microsoft\DFS
    Microsoft\Driver Signing
    Microsoft\EnterpriseCertificates
    Microsoft\MSMQ
    Microsoft\Non-Driver Signing
    Microsoft\RAS
    Microsoft\Shared Tools\MSInfo
    Microsoft\SystemCertificates
    Microsoft\TermServLicensing
    Microsoft\Transaction Server
    Microsoft\Windows\CurrentVersion\Control Panel\Cursors\Schemes
    Microsoft\Windows\CurrentVersion\Group Policy
    Microsoft\Windows\CurrentVersion\Policies
    Microsoft\Windows\CurrentVersion\Setup
    Microsoft\Windows\CurrentVersion\Telephony\Locations
    Microsoft\Windows NT\CurrentVersion\FontDpi
    Microsoft\Windows NT\CurrentVersion\FontMapper
    Microsoft\Windows NT\CurrentVersion\Fonts
    Microsoft\Windows NT\CurrentVersion\FontSubstitutes
    Microsoft\Windows NT\CurrentVersion\NetworkCards
    Microsoft\Windows NT\CurrentVersion\Perflib
    Microsoft\Windows NT\CurrentVersion\Ports
    Microsoft\Windows NT\CurrentVersion\Print
    Microsoft\Windows NT\CurrentVersion\ProfileList
    Microsoft\Windows NT\CurrentVersion\Time Zones
    Policies
    RegisteredApplications
    """
)
"""Below HKLM\\SOFTWARE, on every Windows."""
_SHARED_SINCE_WIN7 = _SHARED | _paths(
    r"""
    Clients
    Microsoft\COM3
    Microsoft\EventSystem
    Microsoft\Notepad\DefaultFonts
    Microsoft\OLE
    Microsoft\RPC
    Microsoft\Windows\CurrentVersion\App Paths
    Microsoft\Windows\CurrentVersion\Explorer\AutoplayHandlers
    Microsoft\Windows\CurrentVersion\Explorer\DriveIcons
    Microsoft\Windows\CurrentVersion\Explorer\KindMap
    Microsoft\Windows\CurrentVersion\PreviewHandlers
    Microsoft\Windows NT\CurrentVersion\Console
    Microsoft\Windows NT\CurrentVersion\FontLink
    Microsoft\Windows NT\CurrentVersion\Gre_Initialize
    Microsoft\Windows NT\CurrentVersion\Image File Execution Options
    Microsoft\Windows NT\CurrentVersion\Language Pack
    """
)
_LONGEST = 6
_OWN_CLASSES = {"CLSID", "DIRECTSHOW", "INTERFACE", "MEDIA TYPE", "MEDIAFOUNDATION"}
"""Below Classes, what has two copies since Windows 7."""
_SHARED_CLASSES = {"HCP"}
"""Below Classes, what had one copy before."""


def in_32_bit_view(path: str, since_win7: bool) -> str | None:
    r"""Where the 32-bit view has a key.

    Args:
        path: absolute, ``\REGISTRY\...``.
        since_win7: Windows 7 and later; before, more keys had two copies.

    Returns:
        The other path, or None where the view makes no difference.
    """
    parts = [part for part in path.split("\\") if part]
    folded = [part.upper() for part in parts]
    if tuple(folded[:3]) == SOFTWARE:
        found = [*parts[:3], *_software(parts[3:], folded[3:], since_win7)]
    elif folded[:2] == ["REGISTRY", "USER"] and folded[3:5] == ["SOFTWARE", "CLASSES"]:
        found = [*parts[:5], *_classes(parts[5:], folded[5:], since_win7)]
    elif folded[:2] == ["REGISTRY", "USER"] and len(parts) > 2 and folded[2].endswith("_CLASSES"):
        found = [*parts[:3], *_classes(parts[3:], folded[3:], since_win7)]
    else:
        return None
    return None if found == parts else "\\" + "\\".join(found)


def _software(rest: list[str], folded: list[str], since_win7: bool) -> list[str]:
    if folded[:1] == [NODE.upper()]:
        rest, folded = rest[1:], folded[1:]
    if folded[:1] == ["CLASSES"]:
        return [rest[0], *_classes(rest[1:], folded[1:], since_win7)]
    shared = _SHARED_SINCE_WIN7 if since_win7 else _SHARED
    if any(tuple(folded[:length]) in shared for length in range(1, _LONGEST + 1)):
        return rest
    return [NODE, *rest]


def _classes(rest: list[str], folded: list[str], since_win7: bool) -> list[str]:
    if len(rest) > 1 and folded[0] == NODE.upper():
        rest, folded = rest[1:], folded[1:]
    elif folded == [NODE.upper()]:
        return rest
    first = folded[0] if folded else ""
    two_copies = first in _OWN_CLASSES if since_win7 else first not in _SHARED_CLASSES
    return [NODE, *rest] if two_copies else rest
