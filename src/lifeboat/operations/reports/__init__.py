"""What the operations say of themselves: frozen facts that terminal, JSON, journal and alert all render.

Each is imported from the module it lies in: a command that loads one pays for its neighbours alone, not for sixty others.
"""
