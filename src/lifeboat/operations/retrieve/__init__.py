"""Bringing back what lies in an archive class: what is needed, what it takes and costs, asking for it once, waiting or coming back."""
