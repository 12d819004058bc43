"""The budget: AWS itself tells when the month's bill for S3 comes near the limit, or is going to.

Limits: AWS sees costs hours late: an alert, not a brake. Budgets without actions cost nothing.
"""

from collections.abc import Sequence
from typing import Any

from lifeboat.cloud.errors import CloudMissing, in_cloud_words
from lifeboat.cloud.session import EVERYWHERE, Aws
from lifeboat.cloud.steps import Difference, Looked
from lifeboat.cloud.watch.topic import Topic

NOTICES = (("ACTUAL", 80.0), ("ACTUAL", 100.0), ("FORECASTED", 100.0))
"""What is told: so much of the limit is spent, or will be by the end of the month."""
SERVICE = "Amazon Simple Storage Service"


def budget_name(bucket: str) -> str:
    return f"Lifeboat {bucket}"


class BudgetStep:
    """The budget with its limit, for everything that S3 costs in the account."""

    name = "budget"
    title = "budget"
    after: tuple[str, ...] = ("topic",)

    def __init__(self, aws: Aws, bucket: str, dollars: float, topic: Topic, addresses: Sequence[str]) -> None:
        self._aws = aws
        self._name = budget_name(bucket)
        self._dollars = dollars
        self._topic = topic
        self._addresses = addresses
        self.why = f"tells at 80 % and 100 % of ${dollars:g} a month, and when the month is going to end above it"

    def look(self) -> Looked:
        there = find_budget(self._aws, self._name)
        if there is None:
            return Looked((Difference("budget", "nothing", f"${self._dollars:g} a month for S3"),))
        differences = []
        limit = there.get("BudgetLimit", {})
        if float(limit.get("Amount", 0)) != self._dollars or limit.get("Unit") != "USD":
            now = f"{float(limit.get('Amount', 0)):g} {limit.get('Unit', '')}".strip()
            differences.append(Difference("limit", now, f"{self._dollars:g} USD"))
        if there.get("TimeUnit") != "MONTHLY":
            differences.append(Difference("counted", str(there.get("TimeUnit")), "MONTHLY"))
        if (there.get("CostFilters") or {}) != {"Service": [SERVICE]}:
            differences.append(Difference("counts", str(there.get("CostFilters") or "everything"), SERVICE))
        spent = (there.get("CalculatedSpend") or {}).get("ActualSpend", {}).get("Amount")
        said = f"${self._dollars:g} a month" + (f"; spent so far ${float(spent):.2f}" if spent is not None else "")
        return Looked(tuple(differences), said)

    def carry_out(self) -> None:
        account, client = self._aws.account(), budgets_client(self._aws)
        budget = {
            "BudgetName": self._name,
            "BudgetLimit": {"Amount": f"{self._dollars:g}", "Unit": "USD"},
            "TimeUnit": "MONTHLY",
            "BudgetType": "COST",
            "CostFilters": {"Service": [SERVICE]},
        }
        if find_budget(self._aws, self._name) is not None:
            with in_cloud_words("budgets", f"change the budget {self._name}"):
                client.update_budget(AccountId=account, NewBudget=budget)
            return
        notices = [
            {"Notification": notification(kind, percent), "Subscribers": subscribers(self._topic, self._addresses)}
            for kind, percent in NOTICES
        ]
        with in_cloud_words("budgets", f"make the budget {self._name}"):
            client.create_budget(AccountId=account, Budget=budget, NotificationsWithSubscribers=notices)


class NoticesStep:
    """What the budget tells, and to whom."""

    name = "budget-notices"
    title = "what the budget tells"
    why = "a budget that tells nobody is a number on a page that nobody opens"
    after: tuple[str, ...] = ("budget",)

    def __init__(self, aws: Aws, bucket: str, topic: Topic, addresses: Sequence[str]) -> None:
        self._aws = aws
        self._name = budget_name(bucket)
        self._topic = topic
        self._addresses = addresses

    def look(self) -> Looked:
        there = self._there()
        missing = [pair for pair in NOTICES if pair not in there]
        return Looked(
            tuple(Difference(_words(*pair), "not told", "told") for pair in missing),
            "told: " + ", ".join(_words(*pair) for pair in NOTICES),
        )

    def carry_out(self) -> None:
        there = self._there()
        for kind, percent in NOTICES:
            if (kind, percent) not in there:
                with in_cloud_words("budgets", f"have the budget {self._name} tell {_words(kind, percent)}"):
                    budgets_client(self._aws).create_notification(
                        AccountId=self._aws.account(),
                        BudgetName=self._name,
                        Notification=notification(kind, percent),
                        Subscribers=subscribers(self._topic, self._addresses),
                    )

    def _there(self) -> set[tuple[str, float]]:
        if find_budget(self._aws, self._name) is None:
            raise CloudMissing(f"there is no budget {self._name} yet", "`lifeboat aws budget apply` makes it")
        with in_cloud_words("budgets", f"look at what the budget {self._name} tells"):
            answer = budgets_client(self._aws).describe_notifications_for_budget(
                AccountId=self._aws.account(), BudgetName=self._name
            )
        return {
            (one["NotificationType"], float(one["Threshold"]))
            for one in answer.get("Notifications", [])
            if one.get("ComparisonOperator") == "GREATER_THAN"
            and one.get("ThresholdType", "PERCENTAGE") == "PERCENTAGE"
        }


def budgets_client(aws: Aws) -> Any:
    return aws.client("budgets", EVERYWHERE)


def find_budget(aws: Aws, name: str) -> dict[str, Any] | None:
    """None where there is none of this name. Raises ``CloudError``."""
    try:
        with in_cloud_words("budgets", f"look at the budget {name}"):
            found: dict[str, Any] = budgets_client(aws).describe_budget(AccountId=aws.account(), BudgetName=name)[
                "Budget"
            ]
    except CloudMissing:
        return None
    return found


def notification(kind: str, percent: float) -> dict[str, Any]:
    """As the API takes it."""
    return {
        "NotificationType": kind,
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": percent,
        "ThresholdType": "PERCENTAGE",
    }


def subscribers(topic: Topic, addresses: Sequence[str]) -> list[dict[str, str]]:
    """The topic, and up to ten addresses directly: AWS takes no more for one notice."""
    found = [{"SubscriptionType": "SNS", "Address": topic.arn()}]
    return found + [{"SubscriptionType": "EMAIL", "Address": one} for one in addresses[:10]]


def _words(kind: str, percent: float) -> str:
    return f"{percent:g} % {'spent' if kind == 'ACTUAL' else 'expected'}"
