"""System roots: folders with real system DLLs, which take the place of the built-in images.

A root is a Windows folder, a Wine installation, or a named set of Debian's Wine packages that ``wowsim sysroot fetch``
has prepared in the user's cache. ``root`` opens and checks one, ``stubs`` reads its service numbers, ``fetch`` prepares
one, ``inspection`` looks at every file. Imports ``nt`` and ``image``; ``simulation`` and the command line import it.
"""

from wowsim.sysroot.names import prepared
from wowsim.sysroot.root import SystemRoot, open_root

__all__ = ["SystemRoot", "open_root", "prepared"]
