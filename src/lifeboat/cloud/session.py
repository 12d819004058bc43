"""The way to AWS's services, with one set of credentials.

Limits: nothing of AWS's is loaded or asked until a client is used; retries are botocore's standard mode: nothing here is written create-once.
"""

from typing import TYPE_CHECKING, Any

from lifeboat.cloud.errors import in_cloud_words
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value

if TYPE_CHECKING:
    import boto3

CONNECT_SECONDS = 10
ANSWER_SECONDS = 60
EVERYWHERE = "us-east-1"
"""Where the services without a region of their own answer: IAM, Budgets, billing metrics."""


class AwsAccess(Value):
    """Credentials and region; None for both halves of the pair looks where AWS tools look.

    Args:
        endpoint_url: Address of a server that is not Amazon's; every service is then asked there.
    """

    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None


class Aws:
    """Clients of AWS's services, each made once."""

    def __init__(self, access: AwsAccess) -> None:
        self._access = access
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._who: tuple[str, str] | None = None
        self._session: boto3.session.Session | None = None

    @property
    def is_amazon(self) -> bool:
        """Whether Amazon itself is asked; other servers offer less."""
        return self._access.endpoint_url is None

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted; a server of one's own may be reached by ``http://``."""
        return self._access.endpoint_url is None or self._access.endpoint_url.startswith("https:")

    @property
    def region(self) -> str | None:
        """As the settings or this machine's AWS settings name it."""
        return self._access.region or self._boto().region_name

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of a service: ``client("s3")``, ``client("budgets", EVERYWHERE)``; raises ``SettingsError``."""
        place = (service, region)
        if place not in self._clients:
            self._clients[place] = self._make(service, region or self._access.region)
        return self._clients[place]

    def account(self) -> str:
        """Number of the account that the credentials belong to, twelve digits. Raises ``CloudError``."""
        return self._caller()[0]

    def caller(self) -> str:
        """ARN of who the credentials are: ``arn:aws:iam::123456789012:user/backup``. Raises ``CloudError``."""
        return self._caller()[1]

    def _caller(self) -> tuple[str, str]:
        if self._who is None:
            with in_cloud_words("sts", "find out whose credentials these are"):
                answer = self.client("sts", self._access.region or EVERYWHERE).get_caller_identity()
            self._who = (answer["Account"], answer["Arn"])
        return self._who

    def _make(self, service: str, region: str | None) -> Any:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        said = self._access
        config = Config(  # type: ignore[call-arg]
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path" if said.endpoint_url else "auto"},
            inject_host_prefix=said.endpoint_url is None,
            user_agent_appid="lifeboat",
        )
        make: Any = self._boto().client
        try:
            return make(
                service,
                region_name=region,
                endpoint_url=said.endpoint_url,
                aws_access_key_id=said.access_key_id.reveal() if said.access_key_id else None,
                aws_secret_access_key=said.secret_access_key.reveal() if said.secret_access_key else None,
                aws_session_token=said.session_token.reveal() if said.session_token else None,
                config=config,
            )
        except (BotoCoreError, ValueError) as error:
            raise _cannot_be_used(f"AWS's {service}", error) from error

    def _boto(self) -> "boto3.session.Session":
        """One for all clients: it reads the descriptions of services, which are large, once."""
        if self._session is None:
            import boto3
            from botocore.exceptions import BotoCoreError

            try:
                self._session = boto3.session.Session()
            except BotoCoreError as error:  # such as a profile that is not there
                raise _cannot_be_used("AWS", error) from error
        return self._session


def _cannot_be_used(what: str, error: Exception) -> SettingsError:
    return SettingsError(
        f"the settings for {what} cannot be used: {str(error).rstrip('.')}",
        "check AWS_REGION, AWS_ENDPOINT_URL, AWS_PROFILE and the key pair",
    )
