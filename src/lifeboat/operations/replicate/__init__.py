"""A second copy of the repository, byte for byte: ``survey`` (what lies where), ``copying``, ``run``; ``removing`` follows prune; ``lag``."""
