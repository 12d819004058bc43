"""What can be shown afterwards: who did what, in a chain that cannot be changed unnoticed."""
