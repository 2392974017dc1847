r"""What the registry holds when Windows has started: versions, locale, time zone, environment, folders, the processor.

A small part of what Windows has, with values that agree with what the services answer: English (United States), code
pages 1252 and 437, UTC, one processor. Write times are the boot's. Value names and forms: Microsoft Learn where they
are documented, else common knowledge of regedit (unverified). Who may import it: the kernel package.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from wowsim.kernel.accounts import COMPUTER, USER, user_sid
from wowsim.kernel.names import utf16
from wowsim.kernel.registry_cryptography import providers
from wowsim.kernel.registry_folders import COMMON as COMMON_FOLDERS
from wowsim.kernel.registry_folders import USER as USER_FOLDERS
from wowsim.kernel.registry_international import INTERNATIONAL, SORTING, UTC
from wowsim.kernel.registry_tree import LINK_VALUE, KeyNode, Value, components
from wowsim.nt.registry_structures import (
    REG_BINARY,
    REG_DWORD,
    REG_EXPAND_SZ,
    REG_LINK,
    REG_MULTI_SZ,
    REG_SZ,
)

if TYPE_CHECKING:
    from wowsim.kernel.registry_tree import Registry
    from wowsim.nt.builds import Build

Entry = str | int | bytes | list[str]
Keys = dict[str, dict[str, Entry]]
"""Path -> values: text (REG_EXPAND_SZ when it has a variable in it), number, bytes, or several texts."""

_PRODUCTS = {
    (5, 1): "Microsoft Windows XP",
    (5, 2): "Microsoft Windows XP",
    (6, 0): "Windows Vista (TM) Business",
    (6, 1): "Windows 7 Professional",
    (6, 2): "Windows 8 Pro",
    (6, 3): "Windows 8.1 Pro",
    (10, 0): "Windows 10 Pro",
}
"""ProductName; Windows 11 says 10 as well."""
PROCESSORS = {
    "intel": ("GenuineIntel", "Intel64", "Family 6 Model 26 Stepping 5"),
    "amd": ("AuthenticAMD", "AMD64", "Family 16 Model 4 Stepping 2"),
}
"""As CPUID says it."""


def fill(registry: Registry, build: Build, seed: int, cpu_vendor: str, now: int) -> None:
    """Put the initial keys in.

    Args:
        registry: what to fill.
        build: which Windows.
        seed: of SID and machine GUID.
        cpu_vendor: one of :data:`PROCESSORS`.
        now: write time of every key.
    """
    sid = user_sid(seed)
    machine: dict[str, Keys] = {
        "HARDWARE": _hardware(build, cpu_vendor),
        "SAM": {"SAM": {}},
        "SECURITY": {},
        "SOFTWARE": _software(build, sid, seed, now),
        "SYSTEM": _system(build, cpu_vendor),
    }
    for name, keys in machine.items():
        hive = registry.add_hive(name, machine=True)
        hive.volatile = name == "HARDWARE"
        _put(hive, keys, now)
    users: dict[str, Keys] = {".DEFAULT": _profile(), sid: _user(), f"{sid}_Classes": {}}
    for name, keys in users.items():
        _put(registry.add_hive(name), keys, now)
    _links(registry, build, sid, now)


def _put(hive: KeyNode, keys: Keys, now: int) -> None:
    for path, values in keys.items():
        node = _key(hive, path, now)
        for name, value in values.items():
            _set(node, name, value)


def _key(node: KeyNode, path: str, now: int) -> KeyNode:
    for name in components(path):
        found = node.child(name)
        if found is None:
            volatile = node.volatile or name in ("Volatile Environment", "ActiveComputerName")
            found = KeyNode(name, node, now, volatile=volatile, class_name="")
            node.attach(found)
        node = found
    return node


def _set(node: KeyNode, name: str, value: Entry) -> None:
    if isinstance(value, str):
        kind, data = REG_EXPAND_SZ if "%" in value else REG_SZ, utf16(value + "\0")
    elif isinstance(value, int):
        kind, data = REG_DWORD, value.to_bytes(4, "little")
    elif isinstance(value, list):
        kind, data = REG_MULTI_SZ, utf16("".join(text + "\0" for text in value) + "\0")
    else:
        kind, data = REG_BINARY, value
    node.put_value(Value(name, kind, data))


def _links(registry: Registry, build: Build, sid: str, now: int) -> None:
    """Symbolic link keys; those of WoW64: wow64-facts section 11."""
    machine, users = "\\REGISTRY\\MACHINE", "\\REGISTRY\\USER"
    links = {
        rf"{machine}\SYSTEM\CurrentControlSet": rf"{machine}\SYSTEM\ControlSet001",
        rf"{users}\{sid}\Software\Classes": rf"{users}\{sid}_Classes",
    }
    if build.wow64:
        classes = rf"{machine}\SOFTWARE\Classes"
        links[rf"{machine}\SOFTWARE\Wow6432Node\Classes"] = rf"{classes}\Wow6432Node"
        for name in ("AppID", "PROTOCOLS", "TypeLib") if build.merged_views else ():
            links[rf"{classes}\Wow6432Node\{name}"] = rf"{classes}\{name}"
    for path, target in links.items():
        node = _key(registry.root, path.removeprefix("\\REGISTRY"), now)
        node.link = node.volatile = True
        _set_link(node, target)
    default = registry.add_hive("S-1-5-18")
    default.link = True
    _set_link(default, rf"{users}\.DEFAULT")


def _set_link(node: KeyNode, target: str) -> None:
    node.put_value(Value(LINK_VALUE, REG_LINK, utf16(target)))


# ---------------------------------------------------------------- HARDWARE
def _hardware(build: Build, cpu_vendor: str) -> Keys:
    vendor, wide, model = PROCESSORS[cpu_vendor]
    identifier = f"{wide if build.wow64 else 'x86'} {model}"
    return {
        r"DESCRIPTION\System": {"Identifier": "AT/AT COMPATIBLE"},
        r"DESCRIPTION\System\CentralProcessor\0": {
            "Component Information": bytes(16),
            "Identifier": identifier,
            "ProcessorNameString": "wowsim simulated x86-64 processor",
            "VendorIdentifier": vendor,
            "~MHz": 3000,
        },
    }


# ---------------------------------------------------------------- SOFTWARE
def _software(build: Build, sid: str, seed: int, now: int) -> Keys:
    views = [("", r"C:\Program Files")]
    if build.wow64:
        views.append(("Wow6432Node\\", r"C:\Program Files (x86)"))
    keys: Keys = {}
    for prefix, programs in views:
        keys[rf"{prefix}Microsoft\Windows NT\CurrentVersion"] = _version(build, now)
        keys[rf"{prefix}Microsoft\Windows\CurrentVersion"] = _folders(build, programs)
        keys[rf"{prefix}Microsoft\Windows\CurrentVersion\Explorer\Shell Folders"] = {**COMMON_FOLDERS}
        # nobody debugs what crashes (on Windows the value is not there; Wine then starts its own debugger)
        keys[rf"{prefix}Microsoft\Windows NT\CurrentVersion\AeDebug"] = {"Debugger": ""}
        keys[rf"{prefix}Microsoft\Windows\CurrentVersion\Run"] = {}
        keys[rf"{prefix}Microsoft\Windows\CurrentVersion\Uninstall"] = {}
        keys |= {rf"{prefix}{key}": {**values} for key, values in providers().items()}
    keys |= {
        r"Microsoft\Cryptography": {"MachineGuid": _guid(seed)},
        rf"Microsoft\Windows NT\CurrentVersion\ProfileList\{sid}": {
            "ProfileImagePath": rf"%SystemDrive%\Users\{USER}",
        },
        r"Microsoft\Windows NT\CurrentVersion\ProfileList": {
            "ProfilesDirectory": r"%SystemDrive%\Users",
            "ProgramData": r"%SystemDrive%\ProgramData",
            "Public": r"%SystemDrive%\Users\Public",
        },
        r"Microsoft\Windows NT\CurrentVersion\Time Zones\UTC": {**UTC},
        r"Microsoft\Windows NT\CurrentVersion\Image File Execution Options": {},
        "Policies": {},
        r"Classes\.exe": {"": "exefile"},
        r"Classes\.txt": {"": "txtfile"},
        r"Classes\CLSID": {},
        r"Classes\Interface": {},
        r"Classes\TypeLib": {},
        r"Classes\AppID": {},
        r"Classes\PROTOCOLS": {},
    }
    if build.wow64:
        keys |= {r"Classes\Wow6432Node\CLSID": {}, r"Classes\Wow6432Node\Interface": {}}
    return keys


def _guid(seed: int) -> str:
    digits = f"{Random(f'machine {seed}').getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _version(build: Build, now: int) -> dict[str, Entry]:
    major, minor, number = build.version
    values: dict[str, Entry] = {
        "CurrentVersion": "6.3" if major >= 10 else f"{major}.{minor}",
        "CurrentBuild": str(number),
        "CurrentBuildNumber": str(number),
        "CurrentType": "Uniprocessor Free",
        "InstallDate": now // 10_000_000 - 11_644_473_600,
        "PathName": r"C:\Windows",
        "ProductName": _PRODUCTS[major, minor],
        "RegisteredOrganization": "",
        "RegisteredOwner": USER,
        "SoftwareType": "System",
        "SystemRoot": r"C:\Windows",
    }
    if build.service_pack:
        values["CSDVersion"] = build.service_pack
    if major >= 6:
        values |= {"EditionID": "Business" if minor == 0 and major == 6 else "Professional"}
        values |= {"InstallationType": "Client"}
    if major >= 10:
        values |= {"CurrentMajorVersionNumber": major, "CurrentMinorVersionNumber": minor}
        release = build.name.split("-")[1].upper()
        if release != "1507":
            values["ReleaseId"] = "2009" if "H" in release else release
        if "H" in release:
            values["DisplayVersion"] = release
    return values


def _folders(build: Build, programs: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {
        "ProgramFilesDir": programs,
        "CommonFilesDir": rf"{programs}\Common Files",
        "DevicePath": r"%SystemRoot%\inf",
        "ProgramFilesPath": "%ProgramFiles%",
    }
    if build.wow64:
        for name, folder in (
            ("W6432Dir", r"C:\Program Files"),
            ("FilesDir (x86)", r"C:\Program Files (x86)"),
        ):
            found |= {f"Program{name}": folder, f"Common{name}": rf"{folder}\Common Files"}
    return found


# ---------------------------------------------------------------- SYSTEM
def _system(build: Build, cpu_vendor: str) -> Keys:
    control = r"ControlSet001\Control"
    return {
        "Select": {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 1},
        "Setup": {"SetupType": 0, "SystemSetupInProgress": 0, "CmdLine": ""},
        control: {"CurrentUser": "USERNAME", "SystemBootDevice": "multi(0)disk(0)rdisk(0)partition(1)"},
        rf"{control}\ComputerName\ComputerName": {"ComputerName": COMPUTER},
        rf"{control}\ComputerName\ActiveComputerName": {"ComputerName": COMPUTER},
        rf"{control}\FileSystem": {"NtfsDisable8dot3NameCreation": 1},
        rf"{control}\Nls\CodePage": {
            "ACP": "1252", "OEMCP": "437", "MACCP": "10000", "1252": "c_1252.nls", "437": "c_437.nls",
        },
        rf"{control}\Nls\Language": {"Default": "0409", "InstallLanguage": "0409", "0409": "l_intl.nls"},
        rf"{control}\Nls\Locale": {"": "00000409", "00000409": "1"},
        rf"{control}\Nls\Sorting\Ids": {**SORTING},
        rf"{control}\Lsa": {
            "Authentication Packages": ["msv1_0"], "Security Packages": ["kerberos", "msv1_0", "schannel"],
        },
        rf"{control}\ProductOptions": {"ProductType": "WinNT"},
        rf"{control}\Session Manager": {"ObjectDirectories": ["\\Windows", "\\RPC Control"], "ProtectionMode": 1},
        rf"{control}\Session Manager\Environment": _environment(build, cpu_vendor),
        rf"{control}\Session Manager\KnownDLLs": _known_dlls(build),
        rf"{control}\TimeZoneInformation": _time_zone(build),
        rf"{control}\Windows": {
            "Directory": "%SystemRoot%",
            "SystemDirectory": r"%SystemRoot%\system32",
            "CSDVersion": int(build.service_pack.rsplit(" ", 1)[-1]) << 8 if build.service_pack else 0,
        },
        r"ControlSet001\Services\Tcpip\Parameters": {"Hostname": COMPUTER.lower(), "Domain": ""},
    }  # fmt: skip


def _environment(build: Build, cpu_vendor: str) -> dict[str, Entry]:
    _, wide, model = PROCESSORS[cpu_vendor]
    return {
        "ComSpec": r"%SystemRoot%\system32\cmd.exe",
        "NUMBER_OF_PROCESSORS": "1",
        "OS": "Windows_NT",
        "Path": r"%SystemRoot%\system32;%SystemRoot%",
        "PATHEXT": ".COM;.EXE;.BAT;.CMD",
        "PROCESSOR_ARCHITECTURE": "AMD64" if build.wow64 else "x86",
        "PROCESSOR_IDENTIFIER": f"{wide if build.wow64 else 'x86'} {model}, {PROCESSORS[cpu_vendor][0]}",
        "TEMP": r"C:\Temp",
        "TMP": r"C:\Temp",
        "windir": "%SystemRoot%",
    }


def _known_dlls(build: Build) -> dict[str, Entry]:
    found: dict[str, Entry] = {"DllDirectory": r"%SystemRoot%\system32", "kernel32": "kernel32.dll"}
    if build.wow64:
        found["DllDirectory32"] = r"%SystemRoot%\syswow64"
        found |= {name: f"{name}.dll" for name in ("wow64", "wow64cpu", "wow64win")}
    return found


def _time_zone(build: Build) -> dict[str, Entry]:
    """UTC, as the clock shows it."""
    found: dict[str, Entry] = {"ActiveTimeBias": 0, "Bias": 0, "DaylightBias": 0, "StandardBias": 0}
    found |= {"StandardStart": bytes(16), "DaylightStart": bytes(16)}
    if build.named_time_zones:
        found |= {
            "TimeZoneKeyName": "UTC",
            "StandardName": "@tzres.dll,-932",
            "DaylightName": "@tzres.dll,-931",
        }
    else:
        found |= {"StandardName": "Coordinated Universal Time", "DaylightName": "Coordinated Universal Time"}
    return found


# ---------------------------------------------------------------- users
def _profile() -> Keys:
    return {
        "Environment": {"TEMP": r"C:\Temp", "TMP": r"C:\Temp"},
        r"Control Panel\Desktop": {"Wallpaper": ""},
        r"Control Panel\International": {**INTERNATIONAL},
        r"Software\Microsoft\Windows\CurrentVersion\Run": {},
    }  # fmt: skip


def _user() -> Keys:
    home = rf"C:\Users\{USER}"
    explorer = r"Software\Microsoft\Windows\CurrentVersion\Explorer"
    return _profile() | {
        rf"{explorer}\Shell Folders": {name: rf"{home}\{place}" for name, place in USER_FOLDERS.items()},
        rf"{explorer}\User Shell Folders": {
            name: rf"%USERPROFILE%\{place}" for name, place in USER_FOLDERS.items()
        },
        "Volatile Environment": {
            "USERDOMAIN": COMPUTER,
            "USERNAME": USER,
            "USERPROFILE": home,
            "APPDATA": rf"{home}\AppData\Roaming",
            "LOCALAPPDATA": rf"{home}\AppData\Local",
            "LOGONSERVER": rf"\\{COMPUTER}",
        },
    }
