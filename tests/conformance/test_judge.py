"""The judge can fail: each kind of wrong expectation is reported, in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from wowsim.conformance import cases, judge
from wowsim.conformance.case import CODE, DATA, DB, SP, TEB32, Case, Raised, Region, case, dword, gp, pf
from wowsim.conformance.export import document
from wowsim.simulation.bench import Bench, Pages

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = "nobody"
ADD = case("add", 32, "01C8 | add eax, ecx; 50 | push eax", {"rax": 0x33333333, "rsp": SP - 4, "cf": 0}, SOURCE,
           written={SP - 4: dword(0x33333333)})  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench("win7sp1", "intel")
    yield bench
    bench.close()


def reason(case: Case, bench: Bench) -> str:
    return judge.judge(case, judge.sighting(case, bench))


def test_what_is_right_gives_no_reason(bench: Bench) -> None:
    assert reason(ADD, bench) == ""


@pytest.mark.parametrize(("changes", "expected"), [
    ({"expected": {**ADD.expected, "rax": 5}}, "rax 33333333 instead of 5"),
    ({"expected": {k: v for k, v in ADD.expected.items() if k != "rax"}}, "rax 33333333 instead of 11111111"),
    ({"expected": {**ADD.expected, "zf": 1}}, "zf 0 instead of 1"),
    ({"expected": {**ADD.expected, "cs": 0x33}}, "cs 23 instead of 33"),
    ({"written": {}}, "memory at 100207FC 33333333 instead of 00000000"),
    ({"written": {SP - 4: dword(0x33333333), DATA: b"\1"}}, "memory at 10010000 00 instead of 01"),
    ({"expected": {**ADD.expected, "rip": CODE}},
     "C0000096 at 10000003 instead of C0000096 at 10000000; rip 10000003 instead of 10000000"),
    ({"raised": gp()}, "C0000096 at 10000003 instead of C0000005 at 10000003 (0, FFFFFFFFFFFFFFFF)"),
    ({"raised": DB}, "C0000096 at 10000003 instead of 80000004 at 10000003; vector 13 instead of 1"),
    ({"raised": Raised(13, 0xC0000096, (), 8)}, "error code 0 instead of 8"),
])  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], expected: str, bench: Bench) -> None:
    assert reason(replace(ADD, **changes), bench) == expected


def test_any_value_is_no_expectation(bench: Bench) -> None:
    assert reason(replace(ADD, expected={**ADD.expected, "rax": None}), bench) == ""


def test_code_that_never_ends_is_reported(bench: Bench) -> None:
    found = reason(case("loop", 32, "EBFE | jmp 0x10000000", {}, SOURCE, at=0), bench)
    assert found == "no exception, but instruction limit reached"


def test_a_failure_is_known_only_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(ADD, written={})
    (verdict,) = judge.run([wrong], "win7sp1", "intel")
    assert (verdict.passed, verdict.is_known, verdict.text) == (False, False, verdict.reason)
    monkeypatch.setattr(judge, "KNOWN", {"add": "the engine cannot add"})
    (verdict,) = judge.run([wrong], "win7sp1", "intel")
    assert (verdict.passed, verdict.is_known) == (False, True)
    assert verdict.text == f"known: the engine cannot add ({verdict.reason})"


# ------------------------------------------------------------ the bench
def test_runs_leave_nothing_behind(bench: Bench) -> None:
    other = case("other", 64, "8B03 | mov eax, [rbx]", {}, SOURCE, raised=pf("read", DATA + 0x1000),
                 start={"rbx": DATA + 0x1000}, descriptors={0x30: 0x00AFFB00_0000FFFF})  # fmt: skip
    first = judge.sighting(ADD, bench)
    assert reason(other, bench) == ""
    assert judge.sighting(ADD, bench) == first


def test_pages_over_the_process_are_refused(bench: Bench) -> None:
    with pytest.raises(Exception, match="the pages at 0x200000 are the process's own"):
        bench.run(ADD.registers, [Pages(0x200000, bytes(0x1000), "rw")], {})


# ------------------------------------------------------------ for other emulators
def imported(row: dict[str, Any]) -> Case:
    """A case from nothing but its JSON."""

    def number(text: str | None) -> int | None:
        return None if text is None else int(text, 16)

    raised, expected = row["expected"]["exception"], row["expected"]
    return Case(
        row["name"], row["group"], row["bits"], int(row["origin"], 16),
        tuple((bytes.fromhex(i["code"]), i["text"]) for i in row["instructions"]),
        {name: int(value, 16) for name, value in row["registers"].items()},
        tuple(Region(int(m["address"], 16), bytes.fromhex(m["contents"]), m["protection"], m["size"], m["fill"])
              for m in row["memory"]),
        {int(s, 16): int(value, 16) for s, value in row["descriptors"].items()},
        row["machine"],
        {name: number(value) for name, value in expected["registers"].items()},
        {int(at, 16): bytes.fromhex(data) for at, data in expected["memory"].items()},
        None if raised is None else Raised(
            raised["vector"], int(raised["status"], 16), tuple(int(p, 16) for p in raised["parameters"]),
            number(raised["error"]), int(raised["address"], 16)),
        row["source"], row["unverified"],
    )  # fmt: skip


def test_the_export_says_everything() -> None:
    written = json.loads(json.dumps(document(cases())))
    assert "F4h" in written["rules"]
    for one, row in zip(cases(), written["cases"], strict=True):
        again = imported(row)
        assert row["code"] == one.code.hex()
        assert again.address == one.address
        if one.raised is None:
            assert again == one
        else:
            assert replace(again, raised=one.raised) == one
            assert again.raised == replace(one.raised, address=one.address)


def test_the_bases_of_fs_and_gs_are_the_cases_own(bench: Bench) -> None:
    seen = bench.run(ADD.registers, [Pages(r.address, r.bytes, r.protection) for r in ADD.regions], {})
    assert seen.registers["fs_base"] == TEB32
