"""What services remember of the whole machine: languages, and which ids and UUIDs are given out.

Who may import it: ``kernel.context`` and the services concerned.
"""

from __future__ import annotations

from wowsim.nt.records import dataclass

LOCALE_EN_US = 0x409


@dataclass
class Ids:
    """The last ones that were given out.

    Attributes:
        client: of a process or thread.
        luid: a locally unique id.
    """

    client: int
    luid: int = 0x3E7

    def next_client(self) -> int:
        """A client id that was not given before."""
        self.client += 4
        return self.client

    def next_luid(self) -> int:
        """A locally unique id that was not given before."""
        self.luid += 1
        return self.luid


@dataclass
class Languages:
    """What is set.

    Attributes:
        user: the user's locale.
        system: the system's.
        interface: language of the user interface.
        pending: what it will be when NtSetDefaultUILanguage(0) asks for it.
    """

    user: int = LOCALE_EN_US
    system: int = LOCALE_EN_US
    interface: int = LOCALE_EN_US
    pending: int = LOCALE_EN_US


@dataclass
class UuidState:
    """What is given out already.

    Attributes:
        last: end of the range that was given out last.
        sequence: the clock sequence, 14 bits.
        node: six bytes; None until they are needed.
    """

    last: int = 0
    sequence: int = 0
    node: bytes | None = None
