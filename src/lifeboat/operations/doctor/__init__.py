"""``lifeboat doctor``: named checks of everything that a backup or a restore would stumble over, found on a quiet day.

``checks.py`` is the frame; each other module is about one thing. ``app/diagnosis.py`` says which are made, and in which order.
A check's name and a finding's code are permanent: scripts are written against them. docs/operations.md lists the names.
"""
