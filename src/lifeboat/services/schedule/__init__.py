"""What runs when: the jobs (``jobs.py``), as systemd units (``systemd.py``) or a crontab (``cron.py``), and what became of them (``memory.py``).

There is no daemon here: systemd or cron starts ``lifeboat schedule run JOB``, which runs one command and tells when it fails.
"""
