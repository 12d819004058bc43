"""mongodump's two forms, archive and directory: the way out for whoever leaves, and the way in."""
