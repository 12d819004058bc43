"""Packs, indexes, records, chain: what lies in a store and how it becomes a snapshot."""
