"""Named immutable objects: a local directory, S3, memory; and wrappers that are stores holding a store."""
