"""What a file or directory reports about itself, as the structures of the information classes.

Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.kernel.volume import CLUSTER
from wowsim.nt.abi import BOOLEAN, LARGE_INTEGER, ULONG
from wowsim.nt.structures import (
    FILE_BASIC_INFORMATION,
    FILE_INTERNAL_INFORMATION,
    FILE_NETWORK_OPEN_INFORMATION,
    FILE_STANDARD_INFORMATION,
)

if TYPE_CHECKING:
    from wowsim.kernel.nodes import Node


def allocation_size(size: int) -> int:
    """``size`` in whole clusters; that NTFS keeps small files in the MFT is left out."""
    return -(-size // CLUSTER) * CLUSTER


def basic_information(node: Node) -> FILE_BASIC_INFORMATION:
    """Times and attributes."""
    created, accessed, written, changed = map(LARGE_INTEGER, node.times)
    return FILE_BASIC_INFORMATION(created, accessed, written, changed, ULONG(node.reported_attributes))


def links_left(node: Node) -> int:
    """Names that are not about to go."""
    return sum(not link.delete_pending for link in node.links)


def standard_information(node: Node, delete_pending: bool) -> FILE_STANDARD_INFORMATION:
    """Sizes and kind; a node about to go has no links left ([MS-FSA] 2.1.5.12.27)."""
    size = node.size
    return FILE_STANDARD_INFORMATION(
        LARGE_INTEGER(allocation_size(size)),
        LARGE_INTEGER(size),
        ULONG(links_left(node)),
        BOOLEAN(delete_pending),
        BOOLEAN(node.is_directory),
    )


def internal_information(node: Node) -> FILE_INTERNAL_INFORMATION:
    """The file id."""
    return FILE_INTERNAL_INFORMATION(LARGE_INTEGER(node.file_id))


def network_open_information(node: Node) -> FILE_NETWORK_OPEN_INFORMATION:
    """Times, sizes and attributes."""
    created, accessed, written, changed = map(LARGE_INTEGER, node.times)
    return FILE_NETWORK_OPEN_INFORMATION(
        created,
        accessed,
        written,
        changed,
        LARGE_INTEGER(allocation_size(node.size)),
        LARGE_INTEGER(node.size),
        ULONG(node.reported_attributes),
    )
