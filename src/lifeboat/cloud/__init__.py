"""AWS's control plane: bucket, rights, lifecycle, archive classes, alarms, budget, prices.

Everything that is arranged there is a list of steps (``steps.py``): looked at, shown, carried out, looked at again. What is decided
is pure and stands apart from what asks AWS, so that it is tested without a server.
"""
