"""What the copies cost: cohorts of objects (``cohort.py``), what of them is billed month by month (``usage.py``), dollars (``bill.py``);
what lies there (``lying.py``) and what will be stored (``coming.py``). All of it pure.
"""
