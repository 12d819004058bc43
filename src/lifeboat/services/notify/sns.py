"""Notices to an Amazon SNS topic, which passes them on: e-mail, SMS, chat, whatever subscribes to it."""

from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value
from lifeboat.services.notify.channel import NoticeNotSent
from lifeboat.services.notify.notice import Notice

SUBJECT_AT_MOST = 100
PATIENCE_SECONDS = 20


class SnsSettings(Value):
    """Args: topic: Its ARN. Without keys, those that AWS tools find are used."""

    topic: str
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    endpoint_url: str | None = None


class Sns:
    def __init__(self, settings: SnsSettings) -> None:
        self._settings = settings

    @property
    def where(self) -> str:
        return f"SNS topic {self._settings.topic.rpartition(':')[2]}"

    def send(self, notice: Notice) -> None:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        said, parts = self._settings, self._settings.topic.split(":")
        if len(parts) != 6 or parts[2] != "sns":
            hint = "it is written arn:aws:sns:REGION:ACCOUNT:NAME; sns_topic under [notify] in lifeboat.toml"
            raise NoticeNotSent(f"{said.topic!r} is no topic of SNS", hint)
        try:
            client = boto3.session.Session().client(
                "sns",
                region_name=parts[3],
                endpoint_url=said.endpoint_url,
                aws_access_key_id=said.access_key_id.reveal() if said.access_key_id else None,
                aws_secret_access_key=said.secret_access_key.reveal() if said.secret_access_key else None,
                aws_session_token=said.session_token.reveal() if said.session_token else None,
                config=Config(
                    connect_timeout=PATIENCE_SECONDS, read_timeout=PATIENCE_SECONDS, retries={"total_max_attempts": 1}
                ),
            )
            client.publish(TopicArn=said.topic, Subject=_subject(notice), Message=notice.text)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise NoticeNotSent(
                f"{self.where}: refused ({code})", "may this machine's key publish there (sns:Publish)?"
            ) from None
        except BotoCoreError as error:
            raise NoticeNotSent(
                f"{self.where}: does not answer ({type(error).__name__})", "is the network up, and are keys set?"
            ) from None


def _subject(notice: Notice) -> str:
    """SNS takes ASCII alone, and not much of it."""
    return notice.subject.encode("ascii", "replace").decode()[:SUBJECT_AT_MOST]
