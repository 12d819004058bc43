"""Invented data of a legal-services application: for the demo, drills, tests and benches.

The same seed, clock and scale give the same data on every machine. Nothing here is real, and nothing here is
used to judge a backup except ``fingerprint`` and ``fingerprint_tree``, which share no code with what they judge.
"""
