"""What is protected: one folder each, strangers to each other and to the repository."""
