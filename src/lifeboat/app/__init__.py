"""Composition: settings read and checked, everything built here."""
