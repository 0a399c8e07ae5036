"""Makes the model set that models of a real size are compared on: torchvision's ResNet-50 with a head of thousands of
labels, random weights.

    python resnet.py --images DIR --out DIR [--labels 7500]

The weights depend on the seed alone. They say nothing of an image, but they take as long as trained ones, as long as no
number runs out of its range: batch normalization is set to what the images give. The threshold is such that half of the
images have some labels, as they have with trained weights.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import nn
from torch.fx.experimental.optimization import fuse
from torchvision.models import resnet50

from images import Images

sys.path.append(str(Path(__file__).parents[3] / "worker/models/export"))
from export_classifier import Normalize, Options, export  # noqa: E402

SIDE = 224
SEED = 11
#: Labels that reach their threshold in the median image.
LABELS_OF_IMAGE = 10


def pixels(folder: Path) -> torch.Tensor:
    """All images of a folder as the model sees them, `u8 [n, 3, 224, 224]`."""
    images = Images((SIDE, SIDE), 1)
    files = sorted(folder.glob("*.jpg"))
    frames = np.empty((len(files), SIDE, SIDE, 3), np.uint8)
    for file, frame in zip(files, frames, strict=True):
        images.decode(file.read_bytes(), frame)
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def network(labels: int, images: torch.Tensor) -> nn.Module:
    """The network as it is run: normalization folded into the convolutions, weights channels-last."""
    torch.manual_seed(SEED)
    net = resnet50(weights=None, num_classes=labels)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    options = Options()
    with torch.no_grad():
        net.train()(Normalize(options.mean, options.std)(images))
    folded: nn.Module = fuse(net.eval())
    return folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder of JPEG images")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model set")
    parser.add_argument("--labels", type=int, default=7_500)
    args = parser.parse_args()

    images = pixels(args.images)
    file = args.out / "resnet50.pt"
    script = export(network(args.labels, images), Options(activation="sigmoid"), file)
    with torch.inference_mode():
        scores = torch.cat([script(batch) for batch in images.split(16)])
    threshold = float(scores.topk(LABELS_OF_IMAGE, 1).values[:, -1].median())
    size = {"width": SIDE, "height": SIDE}
    document = {
        "apiVersion": "spillway.dev/v1alpha1",
        "kind": "ModelSet",
        "metadata": {"name": "resnet50", "version": "1"},
        "spec": {
            "preprocessing": "spillway-letterbox-1",
            "frame": size,
            "models": [{
                "name": "context",
                "subset": "context",
                "file": file.name,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "classify": {
                    "input": size,
                    "labels": [
                        {"name": f"label_{label:04}", "kind": "object", "parents": [], "threshold": round(threshold, 4)}
                        for label in range(args.labels)
                    ],
                },
            }],
        },
    }
    # Anchors would be shorter, and are not what a person writes.
    yaml.SafeDumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]
    (args.out / "modelset.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    reaching = (scores >= threshold).sum(1)
    print(f"{args.labels} labels: {reaching.median()} in the median image, from {reaching.min()} to {reaching.max()}")


if __name__ == "__main__":
    main()
