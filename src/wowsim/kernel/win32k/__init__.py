"""win32k.sys: the services that user32, gdi32 and win32u call at a number of 1000h and up.

What a process without a window on a desktop asks for: classes, messages and their atoms, window station and desktop,
settings of the system, GDI objects and the table of them that user mode reads. No window can be made, and nothing is
drawn. Modules: ``win32k.calls`` how a service is declared, ``win32k.state`` what the others keep, and one for each
part of USER and GDI. Who may import it: the kernel package and the simulation.
"""
