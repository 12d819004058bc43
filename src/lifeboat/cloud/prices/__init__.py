"""What S3 asks for: price lists (``*.toml``, dated), how they are read (``load.py``), what bringing archived copies back takes (``retrieval.py``)."""
