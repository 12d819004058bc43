"""Bring back what somebody deleted or overwrote in a bucket that keeps versions: look, plan, carry out. No key is needed, and no catalog."""
