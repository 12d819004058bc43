"""Evidence for an auditor, article by article: what is claimed, what supports it, what is missing. Never a verdict."""
