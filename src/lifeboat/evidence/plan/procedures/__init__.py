"""What to do when ...: one procedure for each kind of disaster, with the commands of this installation. ``all_of_them`` has the order."""
