from __future__ import annotations

import itertools
import re
from collections import defaultdict
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.memory.rows import VadRow, row_of
from wowsim.memory.vad import MAX_COMMIT, Vad, VadKind, VadTree
from wowsim.render import vad_svg
from wowsim.render.vad_svg import picture

SVG = "{http://www.w3.org/2000/svg}"
TOP_8 = 0x7FFFFFFEFFFF


def tree_of(starts: list[int]) -> VadTree:
    tree = VadTree()
    for start in starts:
        tree.insert(Vad(start * 0x10, start * 0x10 + 0xF))
    return tree


def rows_of(tree: VadTree) -> list[VadRow]:
    return [row_of(vad) for vad in tree]


def hello_world() -> list[VadRow]:
    """The published table's regions."""
    tree = VadTree()
    for start, end, kind, name in (
        (0x7FFE0, 0x7FFE0, VadKind.PRIVATE, None),
        (0xC40, 0xCF2, VadKind.EXE, r"\HelloWorld.exe"),
        (0x77A90, 0x77BFE, VadKind.EXE, r"\Windows\SysWOW64\ntdll.dll"),
        (0x7FFFFED40, 0x7FFFFEF1F, VadKind.EXE, r"\Windows\System32\ntdll.dll"),
        (0x7FFF0, 0x7FFFFED3F, VadKind.PRIVATE, None),
        (0x7FFFFEF20, 0x7FFFFFFEF, VadKind.PRIVATE, None),
    ):
        vad = Vad(start, end, kind)
        vad.name, vad.cause = name, "MiInitializeUserNoAccess"
        if kind is VadKind.PRIVATE and end > 0x7FFE0:
            vad.commit = MAX_COMMIT
        tree.insert(vad)
    return rows_of(tree)


@given(st.lists(st.integers(0, 200), unique=True, max_size=60))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_edges_are_those_of_the_tree(starts: list[int]) -> None:
    tree = tree_of(starts)
    rows = rows_of(tree)
    order = list(tree)
    for index, vad in enumerate(order):
        found = vad_svg._parent(rows, index)
        assert (None if found is None else order[found]) is vad.parent


@given(st.lists(st.integers(0, 200), unique=True, min_size=1, max_size=60))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_boxes_stand_in_order_and_apart(starts: list[int]) -> None:
    nodes = vad_svg._placed(rows_of(tree_of(starts)))
    assert all(a.x < b.x for a, b in itertools.pairwise(nodes))
    levels = defaultdict(list)
    for node in nodes:
        levels[node.row.level].append(node.x)
    assert all(b - a >= vad_svg._BOX for row in levels.values() for a, b in itertools.pairwise(row))


def test_every_region_is_a_box_with_range_protection_and_name() -> None:
    rows = hello_world()
    root = ElementTree.fromstring(picture(rows, title="t", highest=TOP_8))
    boxes = [[text.text for text in group.findall(f"{SVG}text")] for group in root.findall(f"{SVG}g")]
    assert [box[0] for box in boxes] == [f"{row.start_vpn:x}-{row.end_vpn:x}" for row in rows]
    assert ["7ffffed40-7ffffef1f", "READWRITE", r"System32\ntdll.dll"] in boxes
    kinds = [group.find(f"{SVG}rect").get("class") for group in root.findall(f"{SVG}g")]  # type: ignore[union-attr]
    assert kinds == ["image", "image", "private", "locked", "image", "locked"]
    assert sum(path.get("class") == "edge" for path in root.findall(f"{SVG}path")) == len(rows) - 1


def test_the_strip_is_to_scale() -> None:
    root = ElementTree.fromstring(picture(hello_world(), title="t", highest=TOP_8))
    frame = next(
        r for r in root.findall(f"{SVG}rect") if r.get("class") == "free" and r.get("height") == "30"
    )
    left, width = float(frame.get("x", "")), float(frame.get("width", ""))
    bars = [r for r in root.findall(f"{SVG}rect") if r.get("class") == "image bar"]
    program, ntdll = bars[0], bars[1]
    assert float(program.get("x", "")) == pytest.approx(left + 0xC40000 / 0x80000000 * width, abs=0.1)
    assert float(ntdll.get("x", "")) == pytest.approx(left + 0x77A90000 / 0x80000000 * width, abs=0.1)
    titles = [text.text for text in root.findall(f"{SVG}text") if text.get("class") == "heading"]
    assert titles == [
        "The lower 2 GB",
        "The 64-bit part, 2 GB to 128 TB",
        r"Around System32\ntdll.dll: 7FFFFD740000 to 7FFFFFFFFFFF",
    ]


def test_4_gb_and_native_processes_have_their_own_strips() -> None:
    large = Vad(0xFFFF0, 0x7FFFFFFEF)
    large.commit = MAX_COMMIT
    tree = VadTree()
    tree.insert(large)
    assert "The lower 4 GB" in picture(rows_of(tree), title="t", highest=TOP_8)
    native = picture(rows_of(tree_of([1])), title="t", highest=0x7FFEFFFF)
    assert "The lower 2 GB" in native
    assert "64-bit part" not in native


def test_light_and_dark_style_every_kind() -> None:
    style = ElementTree.fromstring(picture([], title="t", highest=TOP_8)).findtext(f"{SVG}style", "")
    light, _, dark = style.partition("@media(prefers-color-scheme:dark)")
    for kind in ("image", "mapped", "private", "locked", "free", "page"):
        one = re.search(rf"\.{kind}{{fill:(#\w+)", light)
        other = re.search(rf"\.{kind}{{fill:(#\w+)", dark)
        assert one is not None
        assert other is not None
        assert one[1] != other[1]


def test_names_of_the_guest_stay_text() -> None:
    tree = VadTree()
    vad = Vad(0x10, 0x1F, VadKind.EXE)
    vad.name = '\\<script>&\x01"\ud800.exe'
    tree.insert(vad)
    drawn = picture(rows_of(tree), title="<b>", highest=TOP_8)
    drawn.encode()
    root = ElementTree.fromstring(drawn)
    assert '<script>&�"�.exe' in [text.text for text in root.iter(f"{SVG}text")]


def test_names_below_the_strip_do_not_overlap() -> None:
    tree = VadTree()
    for index in range(12):
        vad = Vad(0x73000 + index * 0x20, 0x73000 + index * 0x20 + 0x1F, VadKind.EXE)
        vad.name = rf"\module{index}.dll"
        tree.insert(vad)
    root = ElementTree.fromstring(picture(rows_of(tree), title="t", highest=TOP_8))
    lanes = defaultdict(list)
    for text in root.findall(f"{SVG}text"):
        if (text.get("class") or "").startswith("label"):
            length = len(text.text or "") * vad_svg._CHARACTER
            x = float(text.get("x", "0"))
            start = x - length if "end" in (text.get("class") or "") else x
            lanes[text.get("y")].append((start, start + length))
    assert sum(map(len, lanes.values())) == 12
    for lane in lanes.values():
        assert all(a[1] < b[0] for a, b in itertools.pairwise(sorted(lane)))
