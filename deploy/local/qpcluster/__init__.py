"""Real Kafka and Cassandra servers on loopback addresses, for development and for tests.

`main` reads the command line, `commands` does what it says, `plan` remembers what was chosen at the first start.
`kafka` and `cassandra` know how one node of theirs is configured and asked whether it serves; `launch` starts nodes
and waits for them, `process` stops only what was started here, and `jars` fetches what the nodes run.
"""
