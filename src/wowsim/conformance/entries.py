"""The ways into the kernel: SYSCALL, SYSENTER, and what differs between an Intel and an AMD CPU."""

from __future__ import annotations

from wowsim.conformance.case import CODE, UD, Case, Raised, case, gp

_SYSCALL, _AMD_SYSCALL, _SYSENTER = "Intel SDM 2, SYSCALL", "AMD APM 3, SYSCALL", "Intel SDM 2, SYSENTER"
_INTEL, _AMD = {"cpu_vendor": "intel"}, {"cpu_vendor": "amd"}
_NO_SERVICE = {"rax": 0xFFF}
"""A number beyond every table: STATUS_INVALID_SYSTEM_SERVICE."""
_BACK = {"rax": 0xC000001C, "rcx": CODE + 2, "r11": 0x202, "rdx": None, "r8": None, "r9": None, "r10": None}
"""RCX and R11 are the CPU's; the kernel need not keep the other volatile registers."""

CASES: tuple[Case, ...] = (
    case("syscall leaves its return address in rcx and RFLAGS in r11", 64, "0F05 | syscall", _BACK, _SYSCALL,
         start=_NO_SERVICE),
    case("syscall keeps the flags", 64, "F9 | stc; FD | std; 0F05 | syscall",
         _BACK | {"rcx": CODE + 4, "r11": 0x603, "cf": 1, "df": 1}, _SYSCALL, start=_NO_SERVICE),
    case("syscall keeps the stack pointer, whatever it is", 64, "0F05 | syscall", _BACK, _SYSCALL,
         start=_NO_SERVICE | {"rsp": 0x8000_0000_0000}),
    case("syscall with REX.W", 64, "480F05 | syscall", _BACK | {"rcx": CODE + 3}, _SYSCALL, start=_NO_SERVICE),
    case("syscall in 32-bit code on Intel", 32, "0F05 | syscall", {}, _SYSCALL, raised=UD, machine=_INTEL),
    case("syscall in 32-bit code on AMD arrives at CSTAR", 32, "0F05 | syscall",
         {"rcx": CODE + 2, "r11": 0x202},
         _AMD_SYSCALL, at=2, raised=UD, machine=_AMD, unverified=True),
    case("sysenter in 32-bit code on Intel: IA32_SYSENTER_CS is 0", 32, "0F34 | sysenter",
         {}, _SYSENTER, raised=gp(),
         machine=_INTEL, unverified=True),
    case("sysenter in 64-bit code on Intel: IA32_SYSENTER_CS is 0", 64, "0F34 | sysenter",
         {}, _SYSENTER, raised=gp(),
         machine=_INTEL, unverified=True),
    case("sysenter in 32-bit code on AMD", 32, "0F34 | sysenter",
         {}, "AMD APM 3, SYSENTER", raised=UD, machine=_AMD),
    case("sysenter in 64-bit code on AMD", 64, "0F34 | sysenter",
         {}, "AMD APM 3, SYSENTER", raised=UD, machine=_AMD),
    case("sysret at CPL 3", 64, "480F07 | sysretq", {}, "Intel SDM 2, SYSRET", raised=gp(), unverified=True),
    case("sysexit at CPL 3", 32, "0F35 | sysexit", {}, "Intel SDM 2, SYSEXIT",
         raised=Raised(13, 0xC0000096, (), 0), unverified=True),
    case("cpuid says GenuineIntel", 32, "0FA2 | cpuid",
         {"rax": None, "rbx": 0x756E6547, "rdx": 0x49656E69, "rcx": 0x6C65746E},
         "Intel SDM 2, CPUID", start={"rax": 0}, machine=_INTEL),
    case("cpuid says AuthenticAMD", 32, "0FA2 | cpuid",
         {"rax": None, "rbx": 0x68747541, "rdx": 0x69746E65, "rcx": 0x444D4163},
         "AMD APM 3, CPUID", start={"rax": 0}, machine=_AMD),
    case("cpuid clears the upper halves", 64, "0FA2 | cpuid; 48C1E820 | shr rax, 32; 48C1EB20 | shr rbx, 32",
         {"rax": 0, "rbx": 0, "rcx": None, "rdx": None}, "Intel SDM 2, CPUID",
         start={"rax": 0xFFFFFFFF_00000000, "rbx": 0xFFFFFFFF_FFFFFFFF}),
)  # fmt: skip
