"""What the copies cost: growth measured from the records (``measure.py``), bills projected (``project.py``), told (``report.py``)."""
