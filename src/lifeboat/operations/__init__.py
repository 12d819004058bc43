"""backup, restore, verify, status, doctor: plan (pure), run, report."""
