"""The same 32-bit service calls through wowsim's own thunks and through a root's real wow64.dll, and what differs.

``python -m benchmarks.differential`` is the command for long runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from differential_arguments import arguments
from differential_side import ARENA, BATCH, BUILD, ROOM, Case, Outcome, Side

from wowsim.kernel.known_services import services_of_build
from wowsim.nt.builds import build_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Difference:
    """Where two sides do not agree about a case.

    Attributes:
        root: which root the real side has.
        service: Nt name.
        group: what the case is about: ``class 5``, ``wild``.
        aspect: ``status``, ``memory``, ``calls``, ``returns``, ``argument NAME``.
        ours: what the built-in side has; ``theirs`` the real one.
    """

    root: str
    service: str
    group: str
    aspect: str
    ours: str
    theirs: str
    number: int
    case: Case = field(repr=False, compare=False, default=None)  # type: ignore[assignment]


@dataclass
class Report:
    """What came of a run."""

    services: set[str] = field(default_factory=set)
    calls: int = 0
    differences: list[Difference] = field(default_factory=list)
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)


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


def compare(root: str, case: Case, ours: Outcome, theirs: Outcome) -> Iterable[Difference]:
    """Where two outcomes differ; the first aspects explain the later ones."""

    def differ(aspect: str, one: Any, other: Any) -> Difference:
        return Difference(root, case.service, case.group, aspect, _show(one), _show(other), case.number, case)

    if ours.failed or theirs.failed:
        if bool(ours.failed) != bool(theirs.failed):
            yield differ("returns", ours.failed or "yes", theirs.failed or "yes")
        return
    if len(ours.seen) != len(theirs.seen):
        yield differ("calls", len(ours.seen), [len(theirs.seen), theirs.others])
    else:
        for one, other in zip(ours.seen, theirs.seen, strict=True):
            for name in one.arguments:
                if one.arguments[name] != other.arguments.get(name):
                    yield differ(f"argument {name}", one.arguments[name], other.arguments.get(name))
    if ours.status != theirs.status:
        yield differ("status", f"{ours.status:08X}", f"{theirs.status:08X}")
    if ours.memory != theirs.memory:
        yield differ("memory", *_bytes(case, ours.memory, theirs.memory))


def _bytes(case: Case, ours: bytes, theirs: bytes) -> tuple[str, str]:
    at = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
    first, last = at[0] & ~3, min((at[-1] | 3) + 1, (at[0] & ~3) + 0x20)
    where = f"+{first:#x} was {case.memory[first:last].hex(' ', 4)}"
    return f"{where} {ours[first:last].hex(' ', 4)}", theirs[first:last].hex(" ", 4)


def _show(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:#x}"
    return str(value)


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
        return sorted(n for n in known if self.ours.has(n) and any(r.has(n) for r in self.roots.values()))

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
                    report.groups[service, case.group] += 1
                    report.differences += compare(name, case, one, other)
