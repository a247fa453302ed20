"""What takes all Kafka brokers together: knowing each other."""
from qpcluster import kafka_wire
from qpcluster.plan import LOOPBACK
from qpcluster.retry import NotYet, until_done

SECONDS = 60


def complete(plan):
    """Returns once every broker lists all of them."""
    for number in range(1, plan.kafka + 1):
        what = f"kafka-{number} does not know all brokers"
        until_done(what, lambda number=number: check(plan, number), SECONDS, NotYet)


def check(plan, number):
    known = kafka_wire.brokers(LOOPBACK, plan.ports[f"kafka-{number}-clients"])
    if known < plan.kafka:
        raise NotYet(f"{known} of {plan.kafka}")
