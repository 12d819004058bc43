"""The bucket itself: what it should be like, compared with what it is.

Each step is a small class; ``arrangement.py`` has them in order. Everything that is compared is pure and tested as such; what is asked
and sent goes through ``calls.py`` alone.
"""
