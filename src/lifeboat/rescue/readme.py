"""The note that lies beside the data in every repository, for whoever finds the bucket."""

README = """This is a Lifeboat repository: encrypted backups of a MongoDB application and its files.

You need the key (64 hex digits, or text that starts with LIFEBOAT1-). Without it nothing here can be read, by anybody.

With Lifeboat:      pip install lifeboat, set LIFEBOAT_REPOSITORY and BACKUP_ENCRYPTION_KEY, `lifeboat snapshots`, `lifeboat restore`.
                    What lies in Glacier or Deep Archive: `lifeboat retrieve SNAPSHOT` tells time and cost, and brings it back.
Without Lifeboat:   copy this whole bucket or directory to a disk (objects in Glacier or Deep Archive have to be restored there first:
                    aws s3api restore-object), then

    pip install 'cryptography>=50' zstandard
    export BACKUP_ENCRYPTION_KEY=...
    python config/rescue-<hash>.py list  COPY
    python config/rescue-<hash>.py files COPY SNAPSHOT OUT_DIRECTORY
    python config/rescue-<hash>.py erasures COPY      (people who were erased: files leaves them out, dump does NOT)
    python config/rescue-<hash>.py dump  COPY SNAPSHOT OUT_DIRECTORY      (then: mongorestore OUT_DIRECTORY)
        --at 2026-11-26T10:00:00Z                                         (as of any moment that `list` shows as archived)

Every object's name ends in the SHA-256 of its bytes. Do not rename or delete anything: snapshots share what lies under */pack/.
"""
