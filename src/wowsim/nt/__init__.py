"""What both sides of every boundary agree on: types and layouts, statuses, builds.

Everybody may import ``wowsim.nt``; it imports only ``wowsim.errors``.
"""
