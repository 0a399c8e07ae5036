"""A worker as a Python team writes one: jobs from Kafka, images by HTTP, models by PyTorch, results to Kafka.

    python worker.py --brokers HOST:PORT --group G --topic JOBS --results-topic RESULTS --model-set DIR

It is what our worker is compared with, so it is written and tuned to be quick:

- several such processes share the group, each with one thread of models: Python's lock is then nobody's business;
- a batch's images are fetched and decoded by a pool of threads, straight into the batch, while the one before is in
  the models: neither waits for the other, and both leave Python's lock for most of that time;
- results are sent without waiting, and a batch is committed once Kafka has acknowledged all of its results.

`--blank` leaves the models out and nothing else. The benchmark tries processes and `--torch-threads` by itself.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import blake3
import numpy as np
import orjson
import torch
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from images import Images, Picture, Pixels, Unreadable
from models import Findings, Models

SCHEMA = 1
#: Fields that no job can do without.
NEEDED = {"id", "image", "created_at_ms"}
#: How long an empty topic is listened to before what is under way is finished.
WAIT_SECONDS = 0.05
#: How long results may wait for Kafka when a partition is given on, or at the end.
FLUSH_MAX_SECONDS = 30.0


@dataclass
class Batch:
    """Jobs on their way through the models."""

    jobs: list[dict[str, Any]]
    frames: Pixels
    pictures: list[Future[Picture]]
    offsets: list[TopicPartition]
    began_ms: float


class Answered:
    """A batch whose results are on their way to Kafka."""

    def __init__(self, offsets: list[TopicPartition], results: int) -> None:
        self.offsets, self.missing = offsets, results

    def delivered(self, error: KafkaError | None, _: Message) -> None:
        """Counts an acknowledged result. One that cannot be had ends the process: its job is then done again."""
        if error is not None:
            raise KafkaException(error)
        self.missing -= 1


class Worker:
    """Reads, recognizes, answers, commits."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.models = Models(args.model_set, args.blank)
        self.models.warm_up(args.batch)
        self.images = Images(self.models.frame, args.threads)
        self.pool = ThreadPoolExecutor(args.threads, "image")
        #: Memory of batches that are done: fresh memory of this size costs a page fault every 4 kB.
        self.free: list[Pixels] = []
        self.begun: deque[Batch] = deque()
        self.answered: deque[Answered] = deque()
        self.is_stopped = False
        self.producer = Producer({
            "bootstrap.servers": args.brokers,
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 20,
        })
        self.consumer = Consumer({
            "bootstrap.servers": args.brokers,
            "group.id": args.group,
            "client.id": args.worker_id,
            "partition.assignment.strategy": "cooperative-sticky",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        })

    def run(self) -> None:
        """Until it is told to stop."""
        self.consumer.subscribe([self.args.topic], on_revoke=lambda *_: self.settle())
        print("ready", flush=True)
        began = time.process_time()
        while not self.is_stopped:
            messages = self.consumer.consume(self.args.batch, 0 if self.begun else WAIT_SECONDS)
            if messages:
                self.begin(messages)
            if len(self.begun) > (self.args.ahead if messages else 0):
                self.finish(self.begun.popleft())
            self.commit()
        self.settle()
        self.consumer.close()
        self.pool.shutdown()
        spent = {"cpu_seconds": time.process_time() - began, "models_cpu_seconds": self.models.cpu_seconds}
        print(json.dumps({"images": self.models.images, **spent}), flush=True)

    def begin(self, messages: list[Message]) -> None:
        """Lets the images of jobs be fetched and decoded."""
        jobs, last = [], {}
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            last[message.partition()] = message.offset()
            try:
                job = orjson.loads(message.value())
                if not NEEDED <= job.keys():
                    raise KeyError(*(NEEDED - job.keys()))
                jobs.append(job)
            except (orjson.JSONDecodeError, KeyError, AttributeError) as error:
                print(f"partition {message.partition()}, offset {message.offset()} is no job: {error}", file=sys.stderr)
        frames = self.free.pop() if self.free else self.frames()
        pictures = [self.pool.submit(self.images.load, job["image"], frame) for job, frame in zip(jobs, frames)]
        offsets = [TopicPartition(self.args.topic, partition, offset + 1) for partition, offset in last.items()]
        self.begun.append(Batch(jobs, frames, pictures, offsets, time.perf_counter() * 1e3))

    def frames(self) -> Pixels:
        width, height = self.models.frame
        return np.empty((self.args.batch, height, width, 3), np.uint8)

    def finish(self, batch: Batch) -> None:
        """Waits for the images, runs the models and sends the results."""
        answered = Answered(batch.offsets, len(batch.jobs))
        good: list[tuple[int, Picture]] = []
        for index, (job, future) in enumerate(zip(batch.jobs, batch.pictures, strict=True)):
            try:
                good.append((index, future.result()))
            except Unreadable as error:
                self.send(job, failed(job, error), answered)
        indices = [index for index, _ in good]
        frames = batch.frames[: len(indices)] if len(indices) == len(batch.jobs) else batch.frames[indices]
        began_ms = time.perf_counter() * 1e3
        found = self.models.recognize(frames, [picture.content for _, picture in good]) if good else []
        ended_ms = time.perf_counter() * 1e3
        for (index, picture), findings in zip(good, found, strict=True):
            timings = {
                "fetch": round(picture.fetch_seconds * 1e3),
                "decode": round(picture.decode_seconds * 1e3),
                "queue": 0,
                "infer": round(ended_ms - began_ms),
                "total": round(ended_ms - batch.began_ms),
            }
            timings["queue"] = max(0, timings["total"] - timings["fetch"] - timings["decode"] - timings["infer"])
            job = batch.jobs[index]
            self.send(job, succeeded(job, picture, findings, timings), answered)
        self.free.append(batch.frames)
        self.answered.append(answered)

    def send(self, job: dict[str, Any], result: dict[str, Any], answered: Answered) -> None:
        """Hands a result to the producer, which batches and sends it by itself."""
        of = f"{job['id']}\0{self.models.digest}".encode()
        result |= {
            "schema": SCHEMA,
            "result_id": blake3.blake3(of).hexdigest()[:32],
            "job_id": job["id"],
            "tenant": job.get("tenant", "default"),
            "subset": self.models.subset,
            "model_set": self.models.digest,
            "worker": self.args.worker_id,
            "created_at_ms": job["created_at_ms"],
            "finished_at_ms": time.time_ns() // 1_000_000,
        }
        value = orjson.dumps(result)
        while True:
            try:
                self.producer.produce(self.args.results_topic, value, job["id"], on_delivery=answered.delivered)
                return
            except BufferError:  # The producer's queue is full: room comes with acknowledgements.
                self.producer.poll(0.1)

    def commit(self) -> None:
        """Commits batches whose results are all acknowledged, in their order."""
        self.producer.poll(0)
        done = None
        offsets: dict[int, TopicPartition] = {}
        while self.answered and self.answered[0].missing == 0:
            done = self.answered.popleft()
            offsets |= {offset.partition: offset for offset in done.offsets}
        if done:
            self.consumer.commit(offsets=list(offsets.values()), asynchronous=True)

    def settle(self) -> None:
        """Finishes and commits everything, before partitions are given on and at the end."""
        while self.begun:
            self.finish(self.begun.popleft())
        left = self.producer.flush(FLUSH_MAX_SECONDS)
        if left:
            raise RuntimeError(f"{left} results were not acknowledged within {FLUSH_MAX_SECONDS} s")
        offsets = {offset.partition: offset for answered in self.answered for offset in answered.offsets}
        self.answered.clear()
        try:
            # Without offsets it would commit where it has read to: that is the same by now, with these it is said.
            if offsets:
                self.consumer.commit(offsets=list(offsets.values()), asynchronous=False)
        except KafkaException as error:
            print(f"not committed, so others do it again: {error}", file=sys.stderr)

    def stop(self, *_: object) -> None:
        self.is_stopped = True


def succeeded(
    job: dict[str, Any], picture: Picture, findings: Findings, timings_ms: dict[str, int]
) -> dict[str, Any]:
    """A result with everything that was found, at most what the job asks for of each kind."""
    most = job.get("max_results", 64)
    return {
        "outcome": "success",
        "image": picture.info,
        "labels": findings.labels[:most],
        "faces": findings.faces[:most],
        "logos": findings.logos[:most],
        "objects": findings.objects[:most],
        "timings_ms": timings_ms,
    }


def failed(job: dict[str, Any], error: Unreadable) -> dict[str, Any]:
    """A result that says why there is none."""
    is_retryable = error.reason == "FETCH_FAILED"
    why = {"stage": error.stage, "reason": error.reason, "message": str(error), "retryable": is_retryable}
    return {"outcome": "error", "error": why, "labels": [], "faces": [], "logos": [], "objects": []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--results-topic", required=True)
    parser.add_argument("--model-set", type=Path, required=True, help="folder with modelset.yaml")
    parser.add_argument("--worker-id", default=socket.gethostname())
    parser.add_argument("--blank", action="store_true", help="leave the models out and nothing else")
    parser.add_argument("--batch", type=int, default=32, help="most images of a batch")
    parser.add_argument("--threads", type=int, default=8, help="images fetched and decoded at once")
    parser.add_argument("--ahead", type=int, default=1, help="batches that are fetched while one is in the models")
    parser.add_argument("--torch-threads", type=int, default=1, help="cores that a batch is split over")
    args = parser.parse_args()

    torch.set_num_threads(args.torch_threads)
    worker = Worker(args)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, worker.stop)
    worker.run()


if __name__ == "__main__":
    main()
