"""The recovery plan: from plain facts to a document, what people wrote into it, and what has changed since. Pure."""
