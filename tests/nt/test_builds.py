"""Builds and their service numbers."""

from __future__ import annotations

import itertools

import pytest

from wowsim.nt.builds import BUILDS, NATIVE, WOW64, Build, Stub32, services

# wow64-facts section 7, the table of x86
PUBLISHED = {
    "winxp-x86": {
        "NtClose": 0x19,
        "NtCreateFile": 0x25,
        "NtWriteFile": 0x112,
        "NtContinue": 0x20,
        "NtTestAlert": 0x103,
    },
    "vista-x86": {"NtClose": 0x30, "NtCreateFile": 0x3C, "NtWriteFile": 0x163, "NtCreateThreadEx": 0x17E},
    "win7sp1-x86": {"NtClose": 0x32, "NtCreateFile": 0x42, "NtWriteFile": 0x18C, "NtContinue": 0x3C},
    "win8-x86": {"NtClose": 0x174, "NtCreateFile": 0x163, "NtWriteFile": 0x5, "NtContinue": 0x16A},
    "win8.1-x86": {"NtClose": 0x179, "NtCreateFile": 0x168, "NtWriteFile": 0x6, "NtContinue": 0x16F},
    "win10-1507-x86": {"NtClose": 0x180, "NtCreateFile": 0x16E},
    "win10-1709-x86": {"NtClose": 0x18D, "NtCreateFile": 0x178, "NtContinue": 0x181},
    "win10-22h2-x86": {
        "NtClose": 0x18F,
        "NtCreateFile": 0x178,
        "NtContinue": 0x182,
        "NtManageHotPatch": 0x1D1,
    },
}


@pytest.mark.parametrize("build", PUBLISHED)
def test_published_numbers_of_32_bit_windows(build: str) -> None:
    numbers = BUILDS[build].numbers
    assert {name: numbers[name] for name in PUBLISHED[build]} == PUBLISHED[build]


@pytest.mark.parametrize("build", NATIVE, ids=lambda build: build.name)
def test_a_32_bit_windows_is_one_in_every_respect(build: Build) -> None:
    assert build in BUILDS.values()
    assert not build.wow64
    assert (build.kernel_width, build.ntdll.name, build.ntdll.directory) == (32, "ntdll", "System32")
    assert all(module.bits == 32 for module in build.modules)
    assert build.has_kernelbase == (build.version >= (6, 1))
    assert build.fast_fail == (build.stub32 is Stub32.LOCAL_SYSENTER) == (build.version >= (6, 2))
    assert build.teb == build.place.teb64


@pytest.mark.parametrize("build", BUILDS)
def test_every_number_is_one_services(build: str) -> None:
    rows = services(build)
    assert len({row.number for row in rows}) == len(rows) == len({row.name for row in rows})
    assert len(rows) > 280
    assert BUILDS[build].wow64 or not any(row.turbo for row in rows)


@pytest.mark.parametrize("build", WOW64, ids=lambda build: build.name)
def test_a_64_bit_windows_is_one_in_every_respect(build: Build) -> None:
    assert (build.kernel_width, build.ntdll.name, build.ntdll.directory) == (64, "ntdll32", "SysWOW64")
    assert build.has_kernelbase == (build.version >= (6, 1))
    assert build.fast_fail == (build.version >= (6, 2))
    assert build.turbo_in_ecx == (build.version < (6, 2))
    assert build.gate_pops == (build.version[:2] != (6, 1))
    places = sorted((module.base, module.base + module.size) for module in build.modules)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(places))
    for row in services(build.name):
        assert row.eax & 0x3FFF == row.number
        assert row.eax >> 16 == (0 if build.turbo_in_ecx else row.turbo)


def test_whose_turbo_table_is_its_own() -> None:
    own = [build.name for build in WOW64 if build.turbo_verified]
    releases = ("1507", "1511", "1607", "1703", "1709", "1803")
    assert own == ["win8", "win8.1", *(f"win10-{release}" for release in releases)]


@pytest.mark.parametrize(
    ("service", "counts"),
    [
        (
            "NtWaitForWorkViaWorkerFactory",
            {"vista": 2, "win7sp1": 2, "win8": 4, "win8.1": 5, "win10-22h2": 5},
        ),
        ("NtCreatePartition", {"win10-1507": 5, "win10-1511": 4, "win10-22h2-x86": 4}),
        ("NtInitializeNlsFiles", {"vista": 4, "win7sp1": 3, "win11-24h2": 3, "vista-x86": 4}),
        ("NtCreateIRTimer", {"win8": 2, "win10-1607": 2, "win10-1703": 3, "win11-24h2": 3}),
    ],
)
def test_argument_counts_that_changed(service: str, counts: dict[str, int]) -> None:
    for build, count in counts.items():
        assert {row.name: row.arguments for row in services(build)}[service] == count


def test_builds_are_listed_oldest_first() -> None:
    versions = [build.version for build in BUILDS.values()]
    assert versions == sorted(versions)
