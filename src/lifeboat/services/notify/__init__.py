"""Tell somebody: what a notice says (``notice.py``), the ways it can take (one file for each), and how often (``telling.py``).

Another way: a class with ``where`` and ``send`` (``channel.py``) in a file of its own, a setting in ``app/read_notify.py``.
"""
