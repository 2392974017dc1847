"""What Wine's DLLs find in their environment."""

from __future__ import annotations

from wowsim.kernel.accounts import COMPUTER, USER
from wowsim.simulation.parameters import changed_environment, default_environment
from wowsim.simulation.wine_environment import wine_environment


def test_what_wine_spells_otherwise_is_there_once() -> None:
    found = changed_environment(default_environment(), wine_environment())
    assert len({name.upper() for name in found}) == len(found)
    assert found["windir"] == found["SystemRoot"] == r"C:\windows"
    assert found["ProgramFiles"] == r"C:\Program Files (x86)"
    assert (found["WINEUSERNAME"], found["USERDOMAIN"], found["COMPUTERNAME"]) == (USER, COMPUTER, COMPUTER)
    assert found["HOMEDRIVE"] + found["HOMEPATH"] == found["USERPROFILE"]
