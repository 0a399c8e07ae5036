"""Exports a classifier for the worker: `u8 [n, 3, h, w]` in, `f32 [n, c]` scores out.

    python export_classifier.py --model torchvision.models:resnet18 --weights weights.pt \\
        --classes 1000 --out classifier.pt

The module gives logits `[n, c]` for normalized input. Normalization and the last activation are
put inside, so the worker needs nothing but the file. As a library: `export(module, options, file)`.
"""

from __future__ import annotations

import argparse
import importlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

#: Mean and deviation of ImageNet's channels, in 0..1, as torchvision's weights expect them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
ACTIVATIONS = ("sigmoid", "softmax", "none")


@dataclass(frozen=True)
class Options:
    """How the module expects its input, and what its output means."""

    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    #: `sigmoid` where several labels may hold, `softmax` where one does, `none` for ready scores.
    activation: str = "softmax"
    #: Height and width to check the result with; the worker resizes to what `modelset.yaml` says.
    input_size: tuple[int, int] = (224, 224)


class Normalize(nn.Module):
    """Levels 0..255 to what a module was trained on.

    Scale and shift are parameters, not constants: they follow when a runtime converts the
    model's type or moves it, and their type says what is computed in.
    """

    def __init__(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        scale = 1.0 / (255.0 * torch.tensor(std))
        self.scale = nn.Parameter(scale.view(1, 3, 1, 1), requires_grad=False)
        self.shift = nn.Parameter((-torch.tensor(mean) / torch.tensor(std)).view(1, 3, 1, 1), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        return images.to(self.scale.dtype) * self.scale + self.shift


class Classifier(nn.Module):
    """A module between normalization and activation."""

    def __init__(self, module: nn.Module, options: Options) -> None:
        super().__init__()
        if options.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {options.activation}")
        self.normalize = Normalize(options.mean, options.std)
        self.module = module
        self.activation = options.activation

    def forward(self, images: Tensor) -> Tensor:
        """Takes `u8 [n, 3, h, w]`, upright RGB; returns `f32 [n, c]` in 0..1."""
        logits = self.module(self.normalize(images)).float()
        if self.activation == "sigmoid":
            return torch.sigmoid(logits)
        if self.activation == "softmax":
            return torch.softmax(logits, 1)
        return logits


def export(module: nn.Module, options: Options, file: Path) -> torch.jit.ScriptModule:
    """Writes `module` as TorchScript to `file`, after trying it with one and with three images.

    Raises `ValueError` if the answer is not `f32 [n, c]`. A module that TorchScript cannot
    compile is traced; both batch sizes must then give what the module itself gives.
    """
    classifier = Classifier(module, options).eval()
    images = torch.randint(0, 256, (3, 3, *options.input_size), dtype=torch.uint8)
    with torch.inference_mode():
        expected = classifier(images)
    if expected.dim() != 2 or expected.shape[0] != 3:
        raise ValueError(f"the module gives {list(expected.shape)} for three images, not [3, classes]")
    try:
        script = torch.jit.script(classifier)
    except Exception:  # TorchScript raises many types; what cannot be compiled may still be traced.
        with torch.no_grad():
            script = torch.jit.trace(classifier, images, check_trace=False)
    with torch.inference_mode():
        for n in (1, 3):
            if not torch.allclose(script(images[:n]), expected[:n], atol=1e-3):
                raise ValueError(f"the exported model disagrees with the module for {n} images")
    file.parent.mkdir(parents=True, exist_ok=True)
    script.save(str(file))
    return script


def build(path: str, weights: Path | None, arguments: dict[str, object]) -> nn.Module:
    """Calls `package.module:function` with `arguments`, and loads the module's weights if there are any."""
    package, _, name = path.partition(":")
    if not name:
        raise ValueError(f"write the model as package.module:function, not {path}")
    module = getattr(importlib.import_module(package), name)(**arguments)
    if not isinstance(module, nn.Module):
        raise ValueError(f"{path} does not give a torch.nn.Module")
    if weights is not None:
        module.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return module.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="package.module:function that gives the module")
    parser.add_argument("--weights", type=Path, help="its state_dict, as saved by torch.save")
    parser.add_argument("--classes", type=int, help="passed to the function as num_classes")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--mean", type=float, nargs=3, default=IMAGENET_MEAN, help="of each channel, in 0..1")
    parser.add_argument("--std", type=float, nargs=3, default=IMAGENET_STD, help="of each channel, in 0..1")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="softmax")
    parser.add_argument("--size", type=int, nargs=2, default=(224, 224), metavar=("HEIGHT", "WIDTH"))
    args = parser.parse_args()
    arguments: dict[str, object] = {} if args.classes is None else {"num_classes": args.classes}
    options = Options(tuple(args.mean), tuple(args.std), args.activation, tuple(args.size))
    export(build(args.model, args.weights, arguments), options, args.out)


if __name__ == "__main__":
    main()
