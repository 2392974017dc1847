r"""Key objects: what handles and the object namespace have of the registry (nt!Cm key bodies).

Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.kernel.access import GenericMapping
from wowsim.kernel.namespace import ParsingObject
from wowsim.nt.registry_structures import KEY_ALL_ACCESS, KEY_READ, KEY_WRITE

if TYPE_CHECKING:
    from wowsim.kernel.registry_tree import KeyNode, Registry


class RegistryRoot(ParsingObject):
    r"""What the object namespace has at ``\REGISTRY``."""

    type_name = "Key"

    def __init__(self, registry: Registry) -> None:
        self.registry = registry


class Key(ParsingObject):
    """A key object: one opening of a key.

    Attributes:
        node: the key.
        tags: KeyHandleTagsInformation.
    """

    type_name = "Key"
    mapping = GenericMapping(KEY_READ, KEY_WRITE, KEY_READ, KEY_ALL_ACCESS)

    def __init__(self, node: KeyNode) -> None:
        self.node = node
        self.tags = 0
        node.opens += 1

    def last_handle_closed(self) -> None:
        """Nobody has it open any longer."""
        self.node.opens -= 1

    def nt_name(self) -> str:
        r"""``\REGISTRY\...``."""
        return self.node.path
