"""How much room the server's disk has, where the user may ask for it."""

from lifeboat.foundation.errors import LifeboatError
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.meaning import in_our_words


def free_bytes_of(client: Client, database: str) -> int | None:
    """Bytes free on the file system of the data; None where the server does not say or the user may not ask."""
    try:
        with in_our_words("asking for the room on the server's disk"):
            said = client[database].command("dbStats")
    except LifeboatError:
        return None
    total, used = said.get("fsTotalSize"), said.get("fsUsedSize")
    if not isinstance(total, int | float) or not isinstance(used, int | float) or total <= 0:
        return None
    return int(total - used)
