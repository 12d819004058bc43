"""Carry-forward: at the turn of a month the store copies packs that are still needed, so that no writer has to send them again.

Look (``facts``), choose (``plan``, pure), copy (``run``), report.
"""
