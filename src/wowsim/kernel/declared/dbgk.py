"""Debug objects, debug output filters and the kernel debugger (nt!Dbgk*, nt!Kd*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntdbg.h, ntkeapi.h, ntexapi.h.
"""

from __future__ import annotations
