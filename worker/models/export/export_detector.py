"""Exports a torchvision-style detector for the worker: `u8 [n, 3, h, w]` in, `f32 [n, k, 6]` out.

    python export_detector.py --model torchvision.models.detection:ssdlite320_mobilenet_v3_large \\
        --weights weights.pt --classes 91 --rows 100 --out detector.pt

The module takes a list of `f32 [3, h, w]` in 0..1 and gives, for each, `boxes` `[m, 4]` in px,
`scores` `[m]` and `labels` `[m]`. Rows come out best first: left, top, right, bottom in 0..1,
score, class; unused rows are zero. As a library: `export(module, options, file)`.

The worker has plain libtorch, without torchvision's operators. Its non-maximum suppression is
replaced by one written in torch, which serves one-stage detectors (SSD, RetinaNet, FCOS); a
module that needs more of them (`roi_align` of Faster R-CNN) is refused, and they are named.
"""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

import torch
from torch import Tensor, nn

from export_classifier import build


@dataclass(frozen=True)
class Options:
    """What the module's answers mean, and how many of them are kept."""

    #: Rows for each image; the worker's `k`.
    rows: int = 100
    #: Taken off each class; classes below it are left out. torchvision's class 0 is background.
    first_class: int = 1
    #: Height and width to check the result with.
    input_size: tuple[int, int] = (320, 320)


class Detector(nn.Module):
    """A module that gives a list of answers, between levels in 0..255 and rows of equal number."""

    def __init__(self, module: nn.Module, options: Options) -> None:
        super().__init__()
        self.module = module
        self.row_count = options.rows
        self.first_class = options.first_class
        # One number that a runtime converts and moves together with the model.
        self.scale = nn.Parameter(torch.tensor(1.0 / 255.0), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        """Takes `u8 [n, 3, h, w]`, upright RGB; returns `f32 [n, k, 6]`."""
        answers: List[Dict[str, Tensor]] = self.module((images.to(self.scale.dtype) * self.scale).unbind(0))
        return stack_rows(answers, images.size(3), images.size(2), self.first_class, self.row_count)


class LossyDetector(Detector):
    """The same for a module that, compiled, gives losses and answers, as torchvision's do."""

    def forward(self, images: Tensor) -> Tensor:
        """Takes `u8 [n, 3, h, w]`, upright RGB; returns `f32 [n, k, 6]`."""
        answers: List[Dict[str, Tensor]] = self.module((images.to(self.scale.dtype) * self.scale).unbind(0))[1]
        return stack_rows(answers, images.size(3), images.size(2), self.first_class, self.row_count)


def stack_rows(
    answers: List[Dict[str, Tensor]], width: int, height: int, first_class: int, row_count: int
) -> Tensor:
    """Returns `f32 [n, row_count, 6]` for answers in px of `width` by `height`."""
    stacked: List[Tensor] = []
    for answer in answers:
        kept = answer["labels"] >= first_class
        boxes, scores = answer["boxes"][kept].float(), answer["scores"][kept].float()
        classes = (answer["labels"][kept] - first_class).float()
        scores, order = scores.topk(min(row_count, scores.size(0)))
        x, y = boxes[order][:, 0::2] / width, boxes[order][:, 1::2] / height
        corners = torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1).clamp(0.0, 1.0)
        rows = torch.cat([corners, scores.unsqueeze(1), classes[order].unsqueeze(1)], 1)
        empty = torch.zeros([row_count - rows.size(0), 6], dtype=rows.dtype, device=rows.device)
        stacked.append(torch.cat([rows, empty]))
    return torch.stack(stacked)


def plain_nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Indices of boxes `[m, 4]` not overlapped by a better one, the best first."""
    order = scores.argsort(descending=True)
    boxes = boxes[order].float()
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = torch.ones_like(order, dtype=torch.bool)
    for i in range(boxes.size(0)):
        if bool(kept[i]):
            low = torch.maximum(boxes[i, :2], boxes[i + 1 :, :2])
            high = torch.minimum(boxes[i, 2:], boxes[i + 1 :, 2:])
            shared = (high - low).clamp(min=0).prod(1)
            overlap = shared / (areas[i] + areas[i + 1 :] - shared)
            kept[i + 1 :] = kept[i + 1 :] & (overlap <= iou_threshold)
    return order[kept]


def plain_batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """The same for each class by itself: classes are moved apart so that they never overlap."""
    if boxes.numel() == 0:
        return torch.empty([0], dtype=torch.int64, device=boxes.device)
    apart = idxs.to(boxes.dtype) * (boxes.max() + 1.0)
    return plain_nms(boxes + apart.unsqueeze(1), scores, iou_threshold)


@contextmanager
def plain_operators() -> Iterator[None]:
    """While this holds, what compiles torchvision's box functions gets those written here."""
    try:
        boxes: Any = importlib.import_module("torchvision.ops.boxes")
    except ImportError:
        yield  # no torchvision: a module that does not need it
        return
    before = boxes.nms, boxes.batched_nms
    boxes.nms, boxes.batched_nms = plain_nms, plain_batched_nms
    try:
        yield
    finally:
        boxes.nms, boxes.batched_nms = before


def export(module: nn.Module, options: Options, file: Path) -> torch.jit.ScriptModule:
    """Writes `module` as TorchScript to `file`, after trying it with one and with two images.

    Raises `ValueError` if an operator of torchvision is left in it, or if the answer disagrees
    with what the module itself gives.
    """
    module = module.eval()
    with plain_operators():
        inner: Any = torch.jit.script(module)
        lossy = "Tuple" in str(inner.forward.schema.returns[0].type)
        script = torch.jit.script((LossyDetector if lossy else Detector)(inner, options).eval())
    foreign = sorted(set(re.findall(r"torchvision::\w+", str(script.inlined_graph))))
    if foreign:
        raise ValueError(f"the worker lacks these operators: {', '.join(foreign)}")

    height, width = options.input_size
    images = torch.randint(0, 256, (2, 3, height, width), dtype=torch.uint8)
    with torch.inference_mode(), plain_operators():
        answers = module(list((images.float() / 255.0).unbind(0)))
        expected = stack_rows(answers, width, height, options.first_class, options.rows)
        for n in (1, 2):
            if not torch.allclose(script(images[:n]), expected[:n], atol=1e-3):
                raise ValueError(f"the exported model disagrees with the module for {n} images")
    file.parent.mkdir(parents=True, exist_ok=True)
    script.save(str(file))
    return script


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="package.module:function that gives the module")
    parser.add_argument("--weights", type=Path, help="its state_dict, as saved by torch.save")
    parser.add_argument("--classes", type=int, help="passed to the function as num_classes")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--rows", type=int, default=100, help="detections for each image, the rest padded")
    parser.add_argument("--first-class", type=int, default=1, help="class that becomes 0; 1 drops the background")
    parser.add_argument("--size", type=int, nargs=2, default=(320, 320), metavar=("HEIGHT", "WIDTH"))
    args = parser.parse_args()
    # Without weights, torchvision's functions would download those of the backbone.
    arguments: dict[str, object] = {"weights": None, "weights_backbone": None} if "torchvision" in args.model else {}
    if args.classes is not None:
        arguments["num_classes"] = args.classes
    options = Options(args.rows, args.first_class, tuple(args.size))
    export(build(args.model, args.weights, arguments), options, args.out)


if __name__ == "__main__":
    main()
