"""Random arguments, structures and names for every registry service: a status, never an exception, bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_guest import SOFTWARE, RegistryGuest

from wowsim.errors import Unsupported
from wowsim.kernel import registry_hives, registry_keys, registry_values
from wowsim.kernel.registry_tree import QUOTA
from wowsim.kernel.table import services_of

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

SERVICES = services_of((registry_hives, registry_keys, registry_values))
ODD = (0, 1, 2, 3, 7, 0xFF, 0x7FFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF_FFFFFFFF)
TEXTS = st.one_of(
    st.sampled_from(
        [SOFTWARE, r"\REGISTRY", r"\Registry\User", rf"{SOFTWARE}\Link", "It", "", "SymbolicLinkValue"]
    ),
    st.text(max_size=12),
    st.binary(max_size=9),
    st.text("\\a", max_size=700).map(lambda text: SOFTWARE + text),
)


@pytest.mark.parametrize("width", [32, 64])
@given(data=st.data())
@settings(max_examples=120, derandomize=True, deadline=None)
def test_any_arguments_give_a_status(width: Width, data: st.DataObject) -> None:
    guest = RegistryGuest(width, "win10-22h2" if width == 64 else "win10-22h2-x86")
    top = guest.key(rf"{SOFTWARE}\It")
    link = guest.key(rf"{SOFTWARE}\Link", options=2)
    deleted = guest.key(rf"{SOFTWARE}\Gone")
    guest.call(registry_keys.NtDeleteKey, deleted)
    guest.set(top, "", 1, b"text")
    for _ in range(12):
        guest.reuse()
        name = data.draw(TEXTS)
        places = [
            guest.name(name, data.draw(st.sampled_from([0, top, link, deleted]))),
            guest.string(name),
            guest.put(data.draw(st.binary(min_size=32, max_size=32))),
            guest.buffer,
            guest.out,
            guest.size,
        ]
        values = st.one_of(
            st.sampled_from([top, link, deleted, *places, *ODD]),
            st.integers(0, 16),
            st.integers(0, (1 << 64) - 1),
        )
        service = SERVICES[data.draw(st.sampled_from(sorted(SERVICES)))]
        slots = [data.draw(values) for _ in range(12)]
        try:
            status = guest.call(service.handler, *slots)
        except Unsupported as error:
            assert service.name in str(error)  # noqa: PT017 - refused by name, or not at all
        else:
            assert 0 <= status <= 0xFFFFFFFF
    assert 0 <= guest.k.registry._used <= QUOTA
