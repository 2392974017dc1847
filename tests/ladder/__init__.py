"""Real programs under a system root, held to what real Wine does with them.

``packages`` and ``fetch`` get programs that others wrote, ``cases`` says what is run, ``oracle`` records what real
Wine does, ``simulated`` runs the same under wowsim, ``test_ladder`` compares.
"""
