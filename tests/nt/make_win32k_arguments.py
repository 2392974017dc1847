"""Makes nt/win32k_arguments.txt from tinysec's tables (github.com/tinysec/windows-syscall-table, BSD-3-Clause).

    python tests/nt/make_win32k_arguments.py REPOSITORY

REPOSITORY is a git directory. Only names and argument counts are taken: those of the WoW64 stubs, and of 32-bit Windows
for what has no such stub. A line is a history of counts and the services that have it; ``4 5@16299`` is 4 before
build 16299, then 5.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

TARGET = Path(__file__).parent.parent.parent / "src" / "wowsim" / "nt" / "win32k_arguments.txt"
_ENTRY = re.compile(r'"name"\s*:\s*"(\w+)".*?"argc"\s*:\s*(\d+)(?:.*?"argc32"\s*:\s*(\d+))?', re.DOTALL)


def git(repository: str, *words: str) -> str:
    """What git prints."""
    return subprocess.run(
        ["git", "-C", repository, *words], check=True, capture_output=True, text=True
    ).stdout


def histories(repository: str, folder: str) -> dict[str, list[tuple[int, int]]]:
    """Service -> (build number, count) where the count changes."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    names = git(repository, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    files = [n for n in names if n.endswith(f"/{folder}/shadowssdt_detail.js")]
    versions = {n: [int(part) for part in n.partition("-")[0].split(".")] for n in files}
    for name in sorted(files, key=versions.__getitem__):
        for entry in re.findall(r"\{[^}]*\}", git(repository, "show", f"HEAD:{name}")):
            match = _ENTRY.search(entry)
            if match is None:
                continue
            service, count = match[1], int(match[3] or match[2])
            if found[service] and found[service][-1][0] == versions[name][2]:
                continue  # a name that one table has several times
            if not found[service] or found[service][-1][1] != count:
                found[service].append((versions[name][2], count))
    return found


def main(repository: str) -> None:
    """Write the file."""
    merged = histories(repository, "i386") | histories(repository, "amd64")
    lines: dict[str, list[str]] = defaultdict(list)
    named = set((TARGET.parent / "win32k.txt").read_text().split())
    named |= set((TARGET.parent / "win32k_x86.txt").read_text().split())
    for service, ((_, first), *later) in merged.items():
        if service not in named:
            continue
        lines[" ".join([str(first), *(f"{count}@{build}" for build, count in later)])].append(service)
    text = "".join(
        f"{history}: {' '.join(sorted(services))}\n" for history, services in sorted(lines.items())
    )
    TARGET.write_text(text, encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1])
