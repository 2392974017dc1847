"""Numbers, turbo indices and argument counts against the published tables."""

from __future__ import annotations

import pytest
from make_win32k import builds, column

from reference import reference
from wowsim.kernel.services import known
from wowsim.nt import argument_counts, win32k
from wowsim.nt.builds import BUILDS, Build, services
from wowsim.nt.forms import FORMS, form
from wowsim.nt.service_numbers import full_eax, hexadecimal, turbo_is_published

TURBO = {"win8": "8", "win8.1": "8.1", **{
    f"win10-{name}": f"10-{name}" for name in ("1507", "1511", "1607", "1703", "1709", "1803")
}}  # fmt: skip
EVERY = pytest.mark.parametrize("build", BUILDS.values(), ids=lambda build: build.name)


@EVERY
def test_numbers(build: Build) -> None:
    rows = reference("j00ru-x64-nt.csv" if build.wow64 else "j00ru-x86-nt.csv")
    place = column(build.name)
    assert build.numbers == {row["System call"]: int(row[place], 16) for row in rows if row[place]}


@pytest.mark.parametrize("name", [name for name in TURBO if name in BUILDS])
def test_turbo_indices_and_full_eax(name: str) -> None:
    rows, build = {row["syscall"]: row for row in reference("wow64-eax-turbo.csv")}, BUILDS[name]
    assert turbo_is_published(build)
    compared = 0
    for row in services(name):
        published = rows.get(row.name, {})
        if not published.get(f"eax_{TURBO[name]}"):
            assert row.turbo == 0, row.name
            continue
        compared += 1
        assert row.turbo == int(published[f"turbo_{TURBO[name]}"]), row.name
        assert full_eax(build, row) == int(published[f"eax_{TURBO[name]}"], 16), row.name
    assert compared > 390


@EVERY
def test_turbo_indices_of_other_builds_are_the_nearest_published_ones(build: Build) -> None:
    assert turbo_is_published(build) == (build.name in TURBO or not build.wow64)
    for row in services(build.name):
        assert row.turbo == 0 or build.wow64
        assert full_eax(build, row) & 0x3FFF == row.number
        assert full_eax(build, row) >> 16 == (0 if build.turbo_in_ecx else row.turbo)


def test_argument_counts() -> None:
    rows = {row["syscall"]: row for row in reference("nt-argc.csv")}
    compared = 0
    for name, service in known().items():
        if name not in rows:
            continue
        counts = {
            c for key in ("argc_x64", "argc_wow64", "argc_x86") for c in rows[name][key].split("/") if c
        }
        assert str(service.prototype.arg_bytes32 // 4) in counts or not counts, name
        compared += bool(counts)
    assert compared > 460


def test_the_counts_of_services_that_changed_are_published_ones() -> None:
    for name, forms in FORMS.items():
        counts = {len(indices) for _, indices in forms}
        assert counts == argument_counts.published()[name]
        assert [first for first, _ in forms] == sorted(first for first, _ in forms)


@pytest.mark.parametrize(
    ("name", "version", "parameters"),
    [
        ("NtWaitForWorkViaWorkerFactory", (6, 1, 7601), "WorkerFactoryHandle MiniPackets"),
        (
            "NtWaitForWorkViaWorkerFactory",
            (6, 2, 9200),
            "WorkerFactoryHandle MiniPackets Count PacketsReturned",
        ),
        ("NtCreateIRTimer", (10, 0, 14393), "TimerHandle DesiredAccess"),
        ("NtCreateIRTimer", (10, 0, 15063), "TimerHandle TimerId DesiredAccess"),
        ("NtInitializeNlsFiles", (6, 1, 7601), "BaseAddress DefaultLocaleId DefaultCasingTableSize"),
        ("NtLoadKeyEx", (5, 2, 3790), "TargetKey SourceFile Flags TrustClassKey"),
        ("NtClose", (5, 1, 2600), "Handle"),
    ],
)
def test_forms(name: str, version: tuple[int, ...], parameters: str) -> None:
    found = form(known()[name].prototype, version)
    assert " ".join(parameter.nt_name for parameter in found.parameters) == parameters


@pytest.mark.parametrize("build", [*builds("services.csv"), *builds("services_x86.csv")])
def test_every_build_has_a_table_of_win32k(build: str) -> None:
    found = win32k.services(build)
    assert min(found) == 0x1000
    assert len(set(found.values())) == len(found) > 600
    assert win32k.name_of(build, max(found) + 1) is None


def test_numbers_of_win32k() -> None:
    rows = reference("j00ru-x64-win32k.csv")
    for build in builds("services.csv"):
        place = column(build)
        assert win32k.services(build) == {int(r[place], 16): r["System call"] for r in rows if r[place]}


def test_a_win_without_a_table_has_no_names() -> None:
    assert win32k.name_of("win95", 0x1000) is None


@pytest.mark.parametrize(("number", "text"), [(0, "0h"), (0x52, "52h"), (0xC0, "0C0h"), (0x1AE, "1AEh")])
def test_hexadecimal(number: int, text: str) -> None:
    assert hexadecimal(number) == text
