"""Matching names against masks with wildcards (nt!FsRtlIsNameInExpression).

Who may import it: the kernel package.
"""

from __future__ import annotations

from wowsim.kernel.names import upcase

DOS_STAR, DOS_QM, DOS_DOT = "<", ">", '"'


def matches(mask: str, name: str) -> bool:
    """Whether ``name`` matches ``mask`` without case, by the rules in [MS-FSA] 2.1.4.4.

    All positions of the mask that the name can have reached are followed at once, so the time is bounded
    by the product of the lengths, whatever the mask.
    """
    mask, name = upcase(mask), upcase(name)
    last_dot = name.rfind(".")
    reached = {0}
    for index, character in enumerate(name):
        following: set[int] = set()
        for position in _skip(mask, reached, character):
            following.update(_step(mask, position, character, index == last_dot))
        if not following:
            return False
        reached = following
    return len(mask) in _skip(mask, reached, "")


def _step(mask: str, position: int, character: str, is_last_dot: bool) -> tuple[int, ...]:
    """Where one character of the name leads from one position of the mask."""
    token = mask[position : position + 1]
    if token == "*":
        return (position,)
    if token == DOS_STAR:  # a run of characters that stops at the name's last dot
        return () if is_last_dot else (position,)
    if token == DOS_QM:
        return () if character == "." else (position + 1,)
    if token in ("?", character) or (token == DOS_DOT and character == "."):
        return (position + 1,)
    return ()


def _skip(mask: str, positions: set[int], upcoming: str) -> set[int]:
    """Add the positions behind tokens that may match nothing before ``upcoming`` (empty: the end)."""
    reached = set(positions)
    pending = list(positions)
    while pending:
        position = pending.pop()
        token = mask[position : position + 1]
        if (
            token in ("*", DOS_STAR)
            or (token == DOS_QM and upcoming in ("", "."))
            or (token == DOS_DOT and upcoming == "")
        ) and position + 1 not in reached:
            reached.add(position + 1)
            pending.append(position + 1)
    return reached
