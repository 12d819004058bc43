"""The SNS topic that alarms and budget tell, and whom it passes that on to."""

import json
from collections.abc import Sequence
from typing import Any

from lifeboat.cloud.bucket.statements import Statement, statements_in
from lifeboat.cloud.errors import CloudMissing, PolicyUnreadable, in_cloud_words
from lifeboat.cloud.session import Aws
from lifeboat.cloud.steps import Difference, Looked

NAME = "lifeboat-alarms"
TELLERS = ("cloudwatch.amazonaws.com", "budgets.amazonaws.com")
"""Services that may publish: CloudWatch may by default, Budgets only when the topic's policy says so."""
SID = "LifeboatTellers"


class Topic:
    """Named by its ARN, or ``lifeboat-alarms`` of the account and region."""

    def __init__(self, aws: Aws, said: str | None) -> None:
        self._aws = aws
        self._said = said
        self.is_ours = said is None

    def arn(self) -> str:
        """Raises ``CloudError``."""
        if self._said is None:
            self._said = f"arn:aws:sns:{self._aws.region or ''}:{self._aws.account()}:{NAME}"
        return self._said

    def attributes(self) -> dict[str, str] | None:
        """None where there is no such topic."""
        try:
            with in_cloud_words("sns", f"look at the topic {self.arn()}"):
                found: dict[str, str] = self.client().get_topic_attributes(TopicArn=self.arn())["Attributes"]
        except CloudMissing:
            return None
        return found

    def client(self) -> Any:
        return self._aws.client("sns", self.arn().split(":")[3] or None)


class TopicStep:
    """The topic, and that CloudWatch and Budgets may publish there. Somebody else's topic is looked at and never changed."""

    name = "topic"
    title = "the topic that is told"
    why = "alarms and budget tell an SNS topic, which passes it on to people"
    after: tuple[str, ...] = ()

    def __init__(self, topic: Topic) -> None:
        self._topic = topic

    def look(self) -> Looked:
        found = self._topic.attributes()
        name = self._topic.arn().rpartition(":")[2]
        if found is None:
            by_hand = (
                "" if self._topic.is_ours else "make it, or leave alarm_topic out of lifeboat.toml: then one is made"
            )
            return Looked((Difference(f"topic {name}", "nothing", "there"),), only_by_hand=by_hand)
        if lacking := [one for one in TELLERS if one not in _tellers(found)]:
            by_hand = (
                "" if self._topic.is_ours else f"let {', '.join(lacking)} publish there, in the topic's access policy"
            )
            return Looked(
                (Difference("may publish there", "not " + ", ".join(lacking), "allowed"),), only_by_hand=by_hand
            )
        return Looked(said=self._topic.arn())

    def carry_out(self) -> None:
        arn, client = self._topic.arn(), self._topic.client()
        with in_cloud_words("sns", f"make the topic {NAME}"):
            client.create_topic(Name=NAME)
        found = self._topic.attributes() or {}
        policy = _policy(found)
        others = [one for one in statements_in(found.get("Policy") or "{}") if one.get("Sid") != SID]
        ours = {
            "Sid": SID,
            "Effect": "Allow",
            "Principal": {"Service": list(TELLERS)},
            "Action": "sns:Publish",
            "Resource": arn,
            # Nobody else's alarms and budgets may write into our topic.
            "Condition": {"StringEquals": {"aws:SourceAccount": arn.split(":")[4]}},
        }
        text = json.dumps({"Version": "2012-10-17", **policy, "Statement": [*others, ours]})
        with in_cloud_words("sns", f"let CloudWatch and Budgets publish to {NAME}"):
            client.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text)


class ListenersStep:
    """Somebody has subscribed; e-mail addresses of ``[notify]`` are."""

    name = "listeners"
    title = "who hears of it"
    why = "a topic that nobody has subscribed to tells nobody"
    after: tuple[str, ...] = ("topic",)

    def __init__(self, topic: Topic, addresses: Sequence[str]) -> None:
        self._topic = topic
        self._addresses = addresses

    def look(self) -> Looked:
        there = self._subscriptions()
        missing = [one for one in self._addresses if one.lower() not in {row["Endpoint"].lower() for row in there}]
        if missing and self._topic.is_ours:
            return Looked(tuple(Difference(f"e-mail {one}", "nothing", "subscribed") for one in missing))
        if not there:
            hint = f"subscribe somebody to {self._topic.arn()}, or set LIFEBOAT_NOTIFY_EMAIL and type this again"
            return Looked((Difference("subscriptions", "nobody", "somebody"),), only_by_hand=hint)
        waiting = [row["Endpoint"] for row in there if not row["SubscriptionArn"].startswith("arn:")]
        if len(waiting) == len(there):
            hint = f"open the mail from AWS at {', '.join(waiting)} and confirm"
            return Looked((Difference("subscriptions", "not confirmed", "confirmed"),), only_by_hand=hint)
        said = f"{len(there) - len(waiting)} subscribed"
        return Looked(said=said + (f", {len(waiting)} not confirmed yet: {', '.join(waiting)}" if waiting else ""))

    def carry_out(self) -> None:
        there = {row["Endpoint"].lower() for row in self._subscriptions()}
        for address in self._addresses:
            if address.lower() not in there:
                with in_cloud_words("sns", f"subscribe {address}"):
                    self._topic.client().subscribe(TopicArn=self._topic.arn(), Protocol="email", Endpoint=address)

    def _subscriptions(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        with in_cloud_words("sns", "look at who has subscribed"):
            pages = (
                self._topic.client().get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._topic.arn())
            )
            for page in pages:
                found += page["Subscriptions"]
        return found


def _policy(attributes: dict[str, str]) -> dict[str, Any]:
    try:
        found = json.loads(attributes.get("Policy") or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _statements(attributes: dict[str, str]) -> list[Statement]:
    try:
        return statements_in(attributes.get("Policy") or "{}")
    except PolicyUnreadable:
        return []


def _tellers(attributes: dict[str, str]) -> set[str]:
    """Services that some statement lets publish."""
    found: set[str] = set()
    for one in _statements(attributes):
        principal = one.get("Principal", {})
        actions = one.get("Action", [])
        actions = [actions] if isinstance(actions, str) else actions
        if one.get("Effect") != "Allow" or not {"sns:publish", "sns:*", "*"} & {action.lower() for action in actions}:
            continue
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        found.update([services] if isinstance(services, str) else services)
    return found
