"""Token information between the widths: buffers that hold pointers (wow64!whNtQueryInformationToken).

Classes that are not listed have the same layout in both widths. Which conversions Microsoft's thunks make is
unverified; the layouts are winnt.h's. Who may import it: host64.
"""

from __future__ import annotations

from wowsim.host64.spans import Narrow, Span, cut
from wowsim.nt.token_forms import FORMS, GROUPS, Form

_LINKED_TOKEN = 19


def _narrow(form: Form) -> Narrow:
    def narrow(data64: bytes, address64: int, buffer32: int) -> bytes:
        return form.encode(32, buffer32, form.capture(64, Span(data64, address64), address64))

    return narrow


TOKEN: dict[int, Narrow] = {number: _narrow(form) for number, form in FORMS.items()} | {_LINKED_TOKEN: cut}
"""NtQueryInformationToken: class -> conversion. The 64-bit form is at most 2 * length32 + 8 bytes."""

narrow_groups: Narrow = _narrow(GROUPS)
"""TOKEN_GROUPS: PreviousState of NtAdjustGroupsToken."""
