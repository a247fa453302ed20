"""What takes all Cassandra nodes together: agreeing that all are there, and the user of a cluster with passwords."""
from qpcluster import cql_wire, progress
from qpcluster.plan import cassandra_host
from qpcluster.retry import until_done

# Nodes need some seconds of gossip to see each other, and the first role is made only once a quorum is there.
SECONDS = 90
PASSING = (OSError, cql_wire.CqlError)
# The superuser every new Cassandra cluster has, with its name as password.
FIRST = "cassandra"
# Replicated to all nodes, so that reading it with consistency ALL takes all of them.
PROBE = "SELECT role FROM system_auth.roles WHERE role = 'nobody'"


def complete(plan):
    """Returns once each node coordinates a read that all nodes answer, and the plan's user is there."""
    if plan.cassandra_secure:
        until_done("cassandra did not let its user be made", lambda: make_user(plan), SECONDS, PASSING)
    for number in range(1, plan.cassandra + 1):
        what = f"cassandra-{number} does not reach all nodes"
        until_done(what, lambda number=number: probe(plan, number), SECONDS, PASSING)


def log_in(plan, username, password, number=1):
    connection = cql_wire.Connection(cassandra_host(number), plan.ports["cassandra-native"])
    try:
        connection.begin(username, password)
    except BaseException:
        connection.close()
        raise
    return connection


def probe(plan, number):
    with log_in(plan, plan.username, plan.password, number) as connection:
        connection.query(PROBE, cql_wire.ALL)


def make_user(plan):
    """Makes the plan's user, unless it is there, and removes the one whose password everybody knows."""
    if not has_user(plan):
        options = f"PASSWORD = '{plan.password}' AND LOGIN = true AND SUPERUSER = true"
        with log_in(plan, FIRST, FIRST) as connection:
            connection.query(f"CREATE ROLE IF NOT EXISTS {plan.username} WITH {options}")
    with log_in(plan, plan.username, plan.password) as connection:
        connection.query(f"DROP ROLE IF EXISTS {FIRST}")
    progress.say(f"cassandra knows the user {plan.username}")


def has_user(plan):
    try:
        log_in(plan, plan.username, plan.password).close()
        return True
    except cql_wire.CqlError:
        return False
