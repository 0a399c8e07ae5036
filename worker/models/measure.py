"""How good answers are: matching with the truth, scores, and the thresholds that serve them best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frames import Thing

#: Overlap from which a found box is the true one.
MATCH_IOU = 0.5
#: Inputs given to a model at once.
BATCH = 8
#: Logos of at least this many px of the frame count in full; smaller ones are told apart.
LOGO_SIDE_PX = 24.0

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Found:
    """One detection: its box in px of the frame, its score in 0..1, its class."""

    box: Box
    score: float
    kind: int


@dataclass
class Tally:
    """Right answers, wrong answers, and what was missed."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """Share of the answers that are right; 1 if there are none."""
        return self.right / max(1, self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Share of the truth that was found; 1 if there was none."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)


def iou(a: Box, b: Box) -> float:
    """Shared area of two boxes over the area of both."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, tall)
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / both if both > 0 else 0.0


def outputs(model: nn.Module, images: NDArray[np.uint8]) -> Tensor:
    """Runs `u8 [n, h, w, 3]` through a model in batches, strided as the worker does."""
    answers = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(np.array(images[start : start + BATCH]))
            answers.append(model(batch.permute(0, 3, 1, 2)))
    return torch.cat(answers)


def detections(rows: Tensor, frame: tuple[int, int], threshold: float, nms_iou: float) -> list[Found]:
    """Found boxes of one image from `f32 [k, 6]`, the best first, overlapping ones removed."""
    kept: list[Found] = []
    for left, top, right, bottom, score, kind in rows.tolist():
        if score < threshold:
            break
        box = (left * frame[0], top * frame[1], right * frame[0], bottom * frame[1])
        if all(iou(box, other.box) <= nms_iou for other in kept):
            kept.append(Found(box, score, int(kind)))
    return kept


def matched(found: Sequence[Found], things: Sequence[Thing], heed_class: bool) -> list[tuple[Found, Thing | None]]:
    """Gives each detection, the best first, its nearest thing that none has yet."""
    free = list(things)
    pairs: list[tuple[Found, Thing | None]] = []
    for one in found:
        fitting = [
            thing
            for thing in free
            if iou(one.box, thing.box) >= MATCH_IOU and (not heed_class or thing.classes[0] == one.kind)
        ]
        best = max(fitting, key=lambda thing: iou(one.box, thing.box), default=None)
        if best is not None:
            free.remove(best)
        pairs.append((one, best))
    return pairs


def tally(
    found: Sequence[Sequence[Found]], things: Sequence[Sequence[Thing]], heed_class: bool, sides_px: tuple[float, float]
) -> Tally:
    """Counts over images, for things whose longer side is within `sides_px`.

    A wrong answer counts where its own size falls.
    """
    total = Tally()
    for some, true in zip(found, things, strict=True):
        pairs = matched(some, true, heed_class)
        hit = [thing for _, thing in pairs if thing is not None]
        within = [thing for thing in true if sides_px[0] <= thing.side_px < sides_px[1]]
        total.right += sum(thing in hit for thing in within)
        total.missed += sum(thing not in hit for thing in within)
        for one, thing in pairs:
            side = max(one.box[2] - one.box[0], one.box[3] - one.box[1])
            total.wrong += thing is None and sides_px[0] <= side < sides_px[1]
    return total


def best_threshold(scores: dict[float, float]) -> float:
    """The middle of the thresholds whose score is within 0.002 of the best."""
    best = max(scores.values())
    good = [threshold for threshold, score in scores.items() if score >= best - 0.002]
    return round(good[len(good) // 2], 2)


def detector_threshold(rows: Tensor, things: Sequence[Sequence[Thing]], frame: tuple[int, int], nms_iou: float, heed_class: bool) -> float:
    """The threshold with the best F1 on a set whose raw outputs are `f32 [n, k, 6]`."""
    lowest = [detections(one, frame, 0.1, nms_iou) for one in rows]
    scores = {}
    for step in range(15, 85):
        threshold = step / 100
        found = [[one for one in some if one.score >= threshold] for some in lowest]
        scores[threshold] = tally(found, things, heed_class, (0.0, 1e9)).f1
    return best_threshold(scores)


def label_threshold(scores: NDArray[np.float32], true: NDArray[np.bool_]) -> float:
    """The threshold with the best F1 for one label: `f32 [n]` against `bool [n]`."""
    by_threshold = {}
    for step in range(15, 86):
        said = scores >= step / 100
        by_threshold[step / 100] = label_tally(said, true).f1
    return best_threshold(by_threshold)


def label_tally(said: NDArray[np.bool_], true: NDArray[np.bool_]) -> Tally:
    """Counts over every entry of two arrays of the same shape."""
    return Tally(int((said & true).sum()), int((said & ~true).sum()), int((~said & true).sum()))
