"""Debian's mirror out of apt's sources, in both forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wowsim.sysroot.sources import DEFAULT_MIRROR, debian_mirror

if TYPE_CHECKING:
    from pathlib import Path

DEB822 = """\
# made by the image's maker
Types: deb
# a comment within
URIs: https://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.mark.parametrize(
    ("files", "mirror"),
    [
        ({}, DEFAULT_MIRROR),
        ({"sources.list.d/debian.sources": DEB822}, "https://mirror.example/debian"),
        (
            {"sources.list": "deb http://ftp.de.debian.org/debian bookworm main contrib\n"},
            "http://ftp.de.debian.org/debian",
        ),
        ({"sources.list": "# deb http://a/debian bookworm main\n"}, DEFAULT_MIRROR),
        ({"sources.list": "deb-src http://a/debian bookworm main\n"}, DEFAULT_MIRROR),
        (
            {"sources.list": "deb [ arch=amd64 signed-by=/k.gpg ] http://a/debian/ stable main # why\n"},
            "http://a/debian",
        ),
        (
            {"sources.list": "deb http://security.debian.org/debian-security bookworm-security main\n"},
            DEFAULT_MIRROR,
        ),
        ({"sources.list": "deb cdrom:[Debian]/ bookworm main\n"}, DEFAULT_MIRROR),
        ({"sources.list": "deb http://archive.ubuntu.com/ubuntu jammy main\n"}, DEFAULT_MIRROR),
        ({"sources.list": "deb http://a/debian bookworm contrib\n"}, DEFAULT_MIRROR),
        ({"sources.list": "deb http://a/debian ./\nnonsense\ndeb\n"}, DEFAULT_MIRROR),
        (
            {
                "sources.list": "deb https://p.example/prod bookworm main\n"
                "deb https://art.example/debian-remote trixie main\n"
            },
            "https://art.example/debian-remote",
        ),
        (
            {
                "sources.list": "deb https://packages.example/debian/12/prod bookworm main\n",
                "sources.list.d/z.list": "deb file:/srv/debian trixie main\n",
            },
            "file:/srv/debian",
        ),
        ({"sources.list.d/debian.sources": "Enabled: no\n" + DEB822.partition("\n")[2]}, DEFAULT_MIRROR),
        ({"sources.list.d/debian.sources": DEB822.replace("Types: deb", "Types: deb-src")}, DEFAULT_MIRROR),
        (
            {
                "sources.list.d/x.sources": "types: deb deb-src\nuris:\n http://a/x\n http://b/debian\n"
                "suites: sid\ncomponents: main"
            },
            "http://b/debian",
        ),
        ({"sources.list.d/x.sources": " continued\n:\n\nURIs\n"}, DEFAULT_MIRROR),
        ({"sources.list.d/other.txt": "deb http://a/debian bookworm main\n"}, DEFAULT_MIRROR),
    ],
)
def test_mirror(tmp_path: Path, files: dict[str, str], mirror: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert debian_mirror(tmp_path) == mirror


def test_unreadable_source_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "sources.list").mkdir()
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "a.list").write_bytes(b"\xff\xfe deb\ndeb http://a/debian bookworm main\n")
    assert debian_mirror(tmp_path) == "http://a/debian"
