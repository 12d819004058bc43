"""Which snapshots are kept, and why: pure rules over facts, without a store or a clock."""
