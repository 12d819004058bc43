"""What is wrong now (``rules.py``, pure), and whom it is told to when (``engine.py``).

Another rule: a function in ``rules.py`` and its name in ``RULES``; what it needs to know goes into ``facts.py``.
"""
