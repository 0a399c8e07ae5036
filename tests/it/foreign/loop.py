"""A consumer as any team may have one: it reads jobs, takes its time for each, and commits. It knows nothing of ours.

Its client id is the machine's name where it is told one, which is all that a bought machine's consumer must do.
"""

import os
import signal
import socket
import sys
import time

from confluent_kafka import Consumer, KafkaException

SECONDS_PER_JOB = 1 / float(os.environ.get("JOBS_PER_SECOND", "20"))

stopped = []
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stopped.append(True))

consumer = Consumer(
    {
        "bootstrap.servers": os.environ["SPILLWAY_BROKERS"],
        "group.id": os.environ["SPILLWAY_GROUP"],
        "client.id": os.environ.get("SPILLWAY_WORKER_ID", socket.gethostname()),
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 20000,
    }
)
consumer.subscribe(os.environ["SPILLWAY_TOPICS"].split(","))


def commit():
    """Commits what is done. During a rebalance others may have it by now: they do it again."""
    try:
        consumer.commit(asynchronous=False)
    except KafkaException as error:
        print(f"not committed: {error}", file=sys.stderr)


committed = time.monotonic()
done = 0
while not stopped:
    message = consumer.poll(0.2)
    if message is not None and not message.error():
        time.sleep(SECONDS_PER_JOB)
        done += 1
    if done and time.monotonic() - committed >= 1:
        commit()
        committed, done = time.monotonic(), 0
if done:
    commit()
consumer.close()
sys.exit(0)
