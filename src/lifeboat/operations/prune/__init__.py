"""Let old snapshots go: look, plan (pure), carry out, report. Without an identity: catalogs and names of objects are enough."""
