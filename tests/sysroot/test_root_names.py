"""Where the cache is: a pure function of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from wowsim.errors import UsageError
from wowsim.sysroot.names import NAMED, alias_of, cache_folder, named


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"WOWSIM_CACHE": "/w", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/w"),
        ({"WOWSIM_CACHE": "", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/wowsim"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/wowsim"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/wowsim"),
        ({"HOME": "/h"}, "/h/.cache/wowsim"),
    ],
)
def test_cache_folder(environment: dict[str, str], folder: str) -> None:
    assert cache_folder(environment) == Path(folder)


def test_relative_cache_is_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cache_folder({"WOWSIM_CACHE": "c"}) == tmp_path / "c"


def test_no_place_for_a_cache() -> None:
    with pytest.raises(UsageError, match="neither WOWSIM_CACHE, XDG_CACHE_HOME nor HOME is set"):
        cache_folder({})


def test_names() -> None:
    assert named("wine") is named("wine-8.0") is NAMED["wine-8.0"]
    assert [alias_of(name) for name in NAMED] == ["wine", "wine-10.0"]
    with pytest.raises(
        UsageError, match=r"no system root named 'wine-9.0'; known: wine, wine-8.0, wine-10.0"
    ):
        named("wine-9.0")
