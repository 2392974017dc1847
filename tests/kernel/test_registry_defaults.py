"""What programs find in the registry of a fresh machine, and that its parts agree."""

from __future__ import annotations

from guest import Guest

from wowsim.kernel.registry_api import RegistryKeys


def keys() -> RegistryKeys:
    guest = Guest()
    return RegistryKeys(guest.k.registry, guest.k.seed)


def test_the_users_locale() -> None:
    found = keys()
    path = r"HKCU\Control Panel\International"
    assert found.get(path, "LocaleName") == "en-US"
    assert found.get(path, "sShortTime") == "h:mm tt"
    assert found.get(path, "sPositiveSign") == ""
    assert found.get(r"HKU\.DEFAULT\Control Panel\International", "iPaperSize") == "1"


def test_utc() -> None:
    found = keys()
    path = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\UTC"
    assert (found.get(path, "Std"), found.get(path, "TZI")) == ("Coordinated Universal Time", bytes(44))
    sorts = r"HKLM\SYSTEM\CurrentControlSet\Control\Nls\Sorting\Ids"
    assert str(found.get(sorts, "")).startswith("{00000001-")


def test_folders_lie_below_the_profile() -> None:
    found = keys()
    explorer = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer"
    for name in ("AppData", "Cache", "Desktop", "Personal", "Startup"):
        place = str(found.get(rf"{explorer}\Shell Folders", name))
        assert place.startswith("C:\\Users\\user\\")
        expandable = found.get(rf"{explorer}\User Shell Folders", name)
        assert expandable == place.replace("C:\\Users\\user", "%USERPROFILE%")
    for view in (r"HKLM\SOFTWARE", r"HKLM\SOFTWARE\Wow6432Node"):
        common = rf"{view}\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders"
        assert found.get(common, "Common AppData") == r"C:\ProgramData"
    profiles = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
    assert found.get(profiles, "ProfilesDirectory") == r"%SystemDrive%\Users"
