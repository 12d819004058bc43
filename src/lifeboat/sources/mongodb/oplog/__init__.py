"""The oplog: what its entries mean, how they are copied, folded and replayed."""
