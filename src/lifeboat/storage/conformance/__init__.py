"""Does a store keep the promises of ``object_store.py``? Tried, not asked; on the customer's own store, too.

Stores silently accept what they do not do. Every probe acts in a scratch prefix and looks at what came of it. What was
found on the stores that could be tried stands in ``docs/stores.md``.
"""
