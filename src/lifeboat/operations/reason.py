"""Why a snapshot is kept, in somebody's words."""

from lifeboat.foundation.errors import SettingsError

TEXT_AT_MOST = 200


class TextTooLong(SettingsError):
    """The reason that somebody gave is longer than any list can show, or empty."""

    code = "text-too-long"


def check_text(text: str) -> str:
    """The reason on one line; raises ``TextTooLong``, also for none at all."""
    words = " ".join(text.split())
    if not words or len(words) > TEXT_AT_MOST:
        raise TextTooLong(
            f"the reason to keep a snapshot has {len(words)} characters", f"say it in 1 to {TEXT_AT_MOST} characters"
        )
    return words
