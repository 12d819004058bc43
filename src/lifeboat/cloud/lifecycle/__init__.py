"""Age rules of a bucket: what they say (``rules.py``), and what they do to an object as time goes by (``course.py``)."""
