"""Drills: restores that are made to find out whether they work, how long they take, and whether the application can use what comes back."""
