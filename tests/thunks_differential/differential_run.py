"""The same 32-bit service calls through wowsim's own thunks and through a root's real wow64.dll, and what differs.

``python -m benchmarks.differential`` is the command for long runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from differential_arguments import arguments
from differential_reasons import EXEMPT, REASONS
from differential_side import ARENA, BATCH, BUILD, ROOM, Case, Outcome, Side

from wowsim.kernel.known_services import services_of_build
from wowsim.nt.builds import build_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from differential_reasons import Reason

ERROR = 0xC0000000


@dataclass
class Difference:
    """A case about which two sides do not agree.

    Attributes:
        root: which root the real side has; ``no turbo`` for our own side without turbo thunks.
        case: the case.
        ours: what came of it on the built-in side; ``theirs`` on the other.
        aspects: ``status``, ``memory``, ``calls``, ``returns``, ``argument NAME`` -> ours and theirs.
    """

    root: str
    case: Case
    ours: Outcome
    theirs: Outcome
    aspects: dict[str, tuple[Any, Any]]

    def __str__(self) -> str:
        """For people: what case, and what differs."""
        case = self.case
        lines = [
            f"{case.service} {case.group} ({self.root}, case {case.number}, seed {case.seed.split()[0]})"
        ]
        for aspect, (ours, theirs) in self.aspects.items():
            lines.append(f"    {aspect}: ours {_show(ours)}; theirs {_show(theirs)}")
        return "\n".join(lines)


@dataclass
class Report:
    """What came of a run.

    Attributes:
        calls: made on each side; ``compared`` how often two sides were.
        agreed: how many comparisons of each service found no difference.
        explained: how many differences each entry of the table of reasons explains.
        left: those that none explains.
    """

    services: set[str] = field(default_factory=set)
    calls: int = 0
    compared: int = 0
    explained_cases: int = 0
    agreed: Counter[str] = field(default_factory=Counter)
    explained: Counter[Reason] = field(default_factory=Counter)
    left: list[Difference] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        """Find the reasons of a difference."""
        found = [reason for reason in REASONS if reason.explains(difference)]
        left = {
            aspect: pair
            for aspect, pair in difference.aspects.items()
            if not any(reason.covers(aspect) for reason in found)
        }
        self.explained.update(found)
        if left:
            difference.aspects = left
            self.left.append(difference)
        else:
            self.explained_cases += 1


def cases_of(service: str, first: int, count: int, seed: int) -> list[Case]:
    """Some cases of a service."""
    prototype = services_of_build(build_named(BUILD))[service].prototype
    found = []
    for index in range(count):
        number = first + index
        own, base = f"{seed} {service} {number}", ARENA + ROOM * index
        made = arguments(service, prototype, base, ROOM, own)
        slots = made.make()
        found.append(Case(service, number, base, slots, bytes(made.memory), own, made.group))
    return found


def compare(root: str, case: Case, ours: Outcome, theirs: Outcome) -> Difference | None:
    """Where two outcomes differ."""
    aspects: dict[str, tuple[Any, Any]] = {}
    if ours.failed or theirs.failed:
        if bool(ours.failed) != bool(theirs.failed):
            aspects["returns"] = (ours.failed or "yes", theirs.failed or "yes")
        return Difference(root, case, ours, theirs, aspects) if aspects else None
    if not (ours.seen and theirs.seen) and ours.status == theirs.status and (ours.status or 0) >= ERROR:
        pass  # refused before the call by one side, by the kernel for the other
    elif len(ours.seen) != len(theirs.seen):
        aspects["calls"] = (len(ours.seen), [len(theirs.seen), theirs.others])
    else:
        for one, other in zip(ours.seen, theirs.seen, strict=True):
            for name in one.arguments:
                if one.arguments[name] != other.arguments.get(name):
                    aspects[f"argument {name}"] = (one.arguments[name], other.arguments.get(name))
    if ours.status != theirs.status:
        aspects["status"] = (ours.status, theirs.status)
    if ours.memory != theirs.memory:
        aspects["memory"] = _bytes(case, ours.memory, theirs.memory)
    return Difference(root, case, ours, theirs, aspects) if aspects else None


def _bytes(case: Case, ours: bytes, theirs: bytes) -> tuple[str, str]:
    """The dwords that differ, with what they were."""
    places = sorted({i & ~3 for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b})[:8]
    one = [f"+{i:X} {case.memory[i : i + 4].hex()}->{ours[i : i + 4].hex()}" for i in places]
    return ", ".join(one), " ".join(theirs[i : i + 4].hex() for i in places)


def _show(value: Any) -> str:
    return f"{value:#x}" if type(value) is int else str(value)


class Differential:
    """The sides of a run: ours, ours without turbo thunks, and one for each root.

    Args:
        roots: names of the roots.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self.ours = Side("built-in", None)
        self.slow = Side("built-in, no turbo", None, turbo=False)
        self.roots = {root: Side(root, root) for root in roots}

    def close(self) -> None:
        """Release all."""
        for side in (self.ours, self.slow, *self.roots.values()):
            side.close()

    def services(self) -> list[str]:
        """What the build and a root have."""
        known = services_of_build(build_named(BUILD))
        compared = known.keys() - EXEMPT.keys()
        return sorted(n for n in compared if self.ours.has(n) and any(r.has(n) for r in self.roots.values()))

    def run(self, service: str, calls: int, seed: int, report: Report) -> None:
        """Compare so many calls of a service."""
        report.services.add(service)
        for first in range(0, calls, BATCH):
            cases = cases_of(service, first, min(BATCH, calls - first), seed)
            ours = self.ours.run(cases)
            slow = self.slow.run(cases)
            sides = [("no turbo", slow)] + [
                (root, side.run(cases)) for root, side in self.roots.items() if side.has(service)
            ]
            report.calls += len(cases)
            for name, outcomes in sides:
                for case, one, other in zip(cases, ours, outcomes, strict=True):
                    report.compared += 1
                    difference = compare(name, case, one, other)
                    if difference is None:
                        report.agreed[service] += 1
                    else:
                        report.add(difference)
