"""How the picture of the VAD tree looks: the kinds of regions, their colours on light and on dark paper.

Who may import it: :mod:`wowsim.render.vad_svg`.
"""

from __future__ import annotations

KINDS = {
    "image": "image (Exe)",
    "mapped": "mapped section",
    "private": "private memory",
    "locked": "locked: nobody can allocate here",
    "free": "free",
}
"""Class of the style sheet -> what the legend says."""
_LIGHT = {
    "image": ("#fdf0d5", "#b7791f"),
    "mapped": ("#dff3ec", "#2b8a6b"),
    "private": ("#e3ecfb", "#3d6fc4"),
    "locked": ("#fbe3e4", "#c2434b"),
    "free": ("#ffffff", "#c4c9d2"),
}
_DARK = {
    "image": ("#3b2f17", "#e0a94b"),
    "mapped": ("#15352c", "#55c3a0"),
    "private": ("#1b2c4a", "#7fa9ee"),
    "locked": ("#421f24", "#ee7f86"),
    "free": ("#171b22", "#4a5262"),
}


def hatching() -> str:
    """The pattern of locked addresses."""
    return (
        '<pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse">'
        '<rect width="8" height="8"/><path d="M-2 2l4-4M0 8l8-8M6 10l4-4"/></pattern>'
    )


def style_sheet() -> str:
    """Colours and type of the picture, light and dark."""
    sans, mono = "system-ui,'Segoe UI',sans-serif", "ui-monospace,Consolas,'DejaVu Sans Mono',monospace"
    return (
        f"text{{font-family:{sans};text-anchor:middle}}"
        ".title{font-size:19px;font-weight:600}.heading{font-size:13px;font-weight:600}"
        ".note,.label{font-size:11.5px}"
        ".title,.heading,.note,.start{text-anchor:start}.end{text-anchor:end}"
        f".range,.small,.address{{font-family:{mono}}}"
        ".range{font-size:12px;font-weight:600}.small{font-size:10px}.address{font-size:10px}"
        ".name{font-size:11px;font-weight:600}.cause{font-size:10.5px;font-style:italic}"
        "rect{stroke-width:1.2}.page,.bar{stroke-width:0}.edge,.tick,.leader{fill:none}"
        f"{_colours(_LIGHT, '#f6f7f9', '#1d2430', '#626c7d', '#9aa3b2')}"
        f"@media(prefers-color-scheme:dark){{{_colours(_DARK, '#0f1217', '#e7eaf0', '#98a2b3', '#5d6778')}}}"
    )


def _colours(kinds: dict[str, tuple[str, str]], page: str, ink: str, faint: str, line: str) -> str:
    rules = [
        f".{kind}{{fill:{fill};stroke:{stroke}}}.{kind}.bar{{fill:{stroke}}}.ink-{kind}{{fill:{stroke}}}"
        for kind, (fill, stroke) in kinds.items()
    ]
    fill, stroke = kinds["locked"]
    return (
        f".page{{fill:{page}}}text{{fill:{ink}}}.small,.cause,.note,.address{{fill:{faint}}}"
        f".edge{{stroke:{line};stroke-width:1.4}}.tick,.leader{{stroke:{line}}}"
        f"{''.join(rules)}#hatch rect{{fill:{fill};stroke:none}}#hatch path{{stroke:{stroke};fill:none}}"
        ".locked.bar{fill:url(#hatch)}"
    )
