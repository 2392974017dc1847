"""The memory manager (the kernel's Mm and Mi routines): VADs, sections, protections, process creation.

Kernel services, the CPU side and the simulation may import it; it imports ``wowsim.nt``,
``wowsim.image.model`` and ``wowsim.errors``.
"""
