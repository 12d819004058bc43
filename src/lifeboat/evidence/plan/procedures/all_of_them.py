"""The procedures in the order of the decision tree: what is most dangerous to get wrong is asked first."""

from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.procedures.attacks import ransomware, stolen_writer
from lifeboat.evidence.plan.procedures.losses import bad_deploy, database_loss, file_loss
from lifeboat.evidence.plan.procedures.places import archived_copies, bucket_lost, key_holder_lost
from lifeboat.evidence.plan.procedures.procedure import Procedure
from lifeboat.evidence.plan.procedures.servers import host_loss, server_loss


def asked(facts: PlanFacts) -> tuple[Procedure, ...]:
    """In the order in which the tree asks."""
    makers = [ransomware, server_loss]
    if facts.protects_database:
        makers += [bad_deploy, database_loss]
    if facts.protects_files:
        makers.append(file_loss)
    makers.append(bucket_lost)
    if facts.place.is_bucket:
        makers.append(archived_copies)
    makers += [key_holder_lost, host_loss, stolen_writer]
    return tuple(make(facts) for make in makers)


def by_letter(facts: PlanFacts) -> tuple[Procedure, ...]:
    """In the order in which they are printed."""
    return tuple(sorted(asked(facts), key=lambda one: one.letter))
