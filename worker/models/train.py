"""Trains the demo's models from nothing: draws the images, learns, chooses thresholds, exports.

    python worker/models/train.py --generator target/release/spillway-generator

Each model learns in a process with one thread, `--jobs` of them at a time: on few cores that is
faster than sharing one model among threads, and the outcome does not depend on their number.
Everything drawn and learnt depends on the seeds below.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import nn

import frames
import learning
import measure
import modelset
import networks
from frames import Frames, Thing
from learning import Crops, Pace

HERE = Path(__file__).parent
TRAIN_SEED, CHOICE_SEED = 11, 12
TRAIN_COUNT, CHOICE_COUNT = 4000, 500
#: The longest first, so that the last processes to run are short.
PACES = {
    "logos": Pace(steps=4500, batch=16),
    "context": Pace(steps=2200, batch=32),
    "faces": Pace(steps=3500, batch=16),
    "face-attributes": Pace(steps=750, batch=64),
}


def train(name: str, data: Frames, pace: Pace) -> nn.Module:
    """A network for the model called `name`, fitted to `data`."""
    torch.manual_seed(list(PACES).index(name) + 1)
    words = data.vocabulary
    if name == "faces":
        detector = networks.faces()
        small = learning.shrunk(data, frames.FACES_WIDTH, frames.FACES_HEIGHT)
        factor = frames.FACES_WIDTH / frames.FRAME_WIDTH
        faces = [[one_class(learning.scaled(face, factor)) for face in example.faces] for example in data.examples]
        batches = learning.detector_batches(detector, faces, small, pace.batch, Crops(160, mirror=True))
        learning.learn(detector, batches, pace, name, 1)
        return detector
    if name == "logos":
        detector = networks.logos(len(words.brands))
        logos = [example.logos for example in data.examples]
        batches = learning.detector_batches(detector, logos, data.pixels, pace.batch, Crops(256, mirror=False))
        learning.learn(detector, batches, pace, name, 2)
        return detector
    if name == "face-attributes":
        attributes = networks.Attributes([len(values) for values in words.heads.values()])
        learning.learn(attributes, learning.attribute_batches(data, attributes, pace.batch), pace, name, 3)
        return attributes
    context = networks.Context(len(words.labels))
    learning.learn(context, learning.context_batches(data, context, pace.batch), pace, name, 4)
    return context


def one_class(face: Thing) -> Thing:
    """A face without its attributes: the detector has no other class."""
    return Thing(face.box, (0,))


def train_and_export(name: str, images: Path, effort: float, out: Path) -> None:
    """Trains one model with `effort` of its steps; for a process of its own."""
    torch.set_num_threads(1)
    full = PACES[name]
    pace = Pace(max(10, int(full.steps * effort)), full.batch, full.rate, full.decay)
    began, busy = time.monotonic(), time.process_time()
    modelset.export(train(name, frames.load(images), pace), out / modelset.FILES[name])
    elapsed_s, cpu_s = time.monotonic() - began, time.process_time() - busy
    print(f"{name}: exported after {elapsed_s:.0f} s, {cpu_s:.0f} s of it computing", file=sys.stderr, flush=True)


def thresholds(folder: Path, data: Frames) -> dict[str, float]:
    """The thresholds that serve the exported models best on `data`, not seen in training."""
    frame = frames.FRAME_WIDTH, frames.FRAME_HEIGHT
    small = learning.shrunk(data, frames.FACES_WIDTH, frames.FACES_HEIGHT)
    faces = measure.outputs(modelset.load(folder, "faces"), small)
    true_faces = [example.faces for example in data.examples]
    logos = measure.outputs(modelset.load(folder, "logos"), data.pixels)
    true_logos = [example.logos for example in data.examples]
    chosen = {
        "faces": measure.detector_threshold(faces, true_faces, frame, modelset.FACES_NMS_IOU, False),
        "logos": measure.detector_threshold(logos, true_logos, frame, modelset.LOGOS_NMS_IOU, True),
    }
    tiny = learning.shrunk(data, frames.CONTEXT_WIDTH, frames.CONTEXT_HEIGHT)
    scores = measure.outputs(modelset.load(folder, "context"), tiny).numpy()
    for i, label in enumerate(data.vocabulary.labels):
        true = np.array([i in example.labels for example in data.examples])
        chosen[label["name"]] = measure.label_threshold(scores[:, i], true)
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", type=Path, required=True, help="the built spillway-generator")
    parser.add_argument("--out", type=Path, default=HERE / "demo", help="folder of the model set")
    parser.add_argument("--work", type=Path, help="folder for images (4 GB), kept; default: a temporary one")
    parser.add_argument("--only", nargs="*", choices=list(PACES), help="train these, keep the others as they are")
    parser.add_argument("--effort", type=float, default=1.0, help="share of the training steps, to try things")
    parser.add_argument("--jobs", type=int, default=2, help="models trained at the same time")
    args = parser.parse_args()
    names = list(PACES) if args.only is None else args.only

    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        images = frames.generate(args.generator, TRAIN_SEED, TRAIN_COUNT, work / "train")
        vocabulary = frames.load(images).vocabulary
        # Spawned, not forked: torch's threads do not survive a fork.
        processes = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(args.jobs, processes) as pool:
            learnt = [pool.submit(train_and_export, name, images, args.effort, args.out) for name in names]
            for one in learnt:
                one.result()
        choice = frames.load(frames.generate(args.generator, CHOICE_SEED, CHOICE_COUNT, work / "val"))
        modelset.write(args.out, vocabulary, thresholds(args.out, choice))


if __name__ == "__main__":
    main()
