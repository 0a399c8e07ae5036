"""The networks of the demo models, written so that TorchScript can hold all of each.

All take `u8 [n, 3, h, w]`, upright RGB, and normalize inside. They hold floating-point weights
only, no buffers, so a runtime may convert a whole model to half precision or move it to a device.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

#: Input levels are divided by this before the first convolution.
LEVEL_UNIT = 64.0
#: Side of a detector's cell.
DETECTOR_STRIDE_PX = 8
#: Sides of boxes are learnt as logarithms of multiples of this many px.
SIDE_UNIT_PX = 32.0
#: Bounds of that logarithm: sides from 1.6 to 640 px.
SIDE_LOG_MIN, SIDE_LOG_MAX = -3.0, 3.0


# TorchScript knows module constants only as defaults of arguments.
def half_sides(
    logs: Tensor, low: float = SIDE_LOG_MIN, high: float = SIDE_LOG_MAX, unit_px: float = SIDE_UNIT_PX
) -> Tensor:
    """Returns half the sides in px that `logs` stand for."""
    return torch.exp(logs.clamp(low, high)) * (unit_px * 0.5)


class Convolution(nn.Module):
    """Convolution, batch normalization (folded into it by `folded`) and ReLU."""

    def __init__(
        self, inputs: int, outputs: int, side: int = 3, stride: int = 1, groups: int = 1, padding: int | None = None
    ) -> None:
        super().__init__()
        padding = side // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, side, stride, padding, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.norm(self.conv(x)))


class Stem(Convolution):
    """The first convolution, of `u8` levels.

    Levels are scaled, not moved: the batch normalization learns their mean, and once both are
    folded into the weights the frame is read once, which is most of what a large frame costs.
    """

    def __init__(self, outputs: int, side: int, stride: int) -> None:
        super().__init__(3, outputs, side, stride, padding=(side - stride + 1) // 2)
        self.level = 1.0 / LEVEL_UNIT

    def forward(self, images: Tensor) -> Tensor:
        x = images.to(self.conv.weight.dtype)
        if self.level != 1.0:
            x = x * self.level
        return F.relu_(self.norm(self.conv(x)))


class Separable(nn.Module):
    """Residual block: twice 3x3 within each channel, then 1x1 across them (MobileNet, 1704.04861)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Convolution(width, width, 3, groups=width),
            Convolution(width, width, 1),
            Convolution(width, width, 3, groups=width),
            Convolution(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Dense(nn.Module):
    """Residual block of two full 3x3 convolutions (ResNet, 1512.03385)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Convolution(width, width), Convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Detector(nn.Module):
    """Finds boxes by the peaks of a heat map at a stride of 8 px (CenterNet, 1904.07850).

    `stem` brings the image to a stride of 4 px; from there down to 32, and back up to 8.
    """

    def __init__(self, classes: int, stem: nn.Module, widths: tuple[int, int, int, int], peaks: int) -> None:
        super().__init__()
        w4, w8, w16, w32 = widths
        self.classes = classes
        self.peaks = peaks
        self.stride = DETECTOR_STRIDE_PX
        self.stem = stem
        self.down8 = nn.Sequential(Convolution(w4, w8, 3, 2), Separable(w8))
        self.down16 = nn.Sequential(Convolution(w8, w16, 3, 2), Separable(w16), Separable(w16))
        self.down32 = nn.Sequential(Convolution(w16, w32, 3, 2), Dense(w32), Separable(w32))
        self.side16 = Convolution(w32, w16, 1)
        self.side8 = Convolution(w16, w8, 1)
        self.head = nn.Sequential(Convolution(w8, w8, 3, groups=w8), Convolution(w8, w8, 1))
        self.out = nn.Conv2d(w8, classes + 4, 1)
        nn.init.constant_(self.out.bias[:classes], -4.0)  # type: ignore[index]
        nn.init.zeros_(self.out.bias[classes:])  # type: ignore[index]

    def heads(self, images: Tensor) -> Tensor:
        """Returns `[n, classes + 4, h/8, w/8]`: logits, then dx, dy, log width, log height."""
        x8 = self.down8(self.stem(images))
        x16 = self.down16(x8)
        x32 = self.down32(x16)
        x16 = x16 + F.interpolate(self.side16(x32), size=[x16.size(2), x16.size(3)], mode="nearest")
        x8 = x8 + F.interpolate(self.side8(x16), size=[x8.size(2), x8.size(3)], mode="nearest")
        return self.out(self.head(x8))

    def forward(self, images: Tensor) -> Tensor:
        """Returns `f32 [n, peaks, 6]`: left, top, right, bottom in 0..1, score, class; best first."""
        width, height = images.size(3), images.size(2)
        raw = self.heads(images).float()
        score, kind = torch.sigmoid(raw[:, : self.classes]).max(1)
        peak = F.max_pool2d(score, 3, 1, 1) == score
        score, at = (score * peak.to(score.dtype)).flatten(1).topk(self.peaks, 1)
        kind = kind.flatten(1).gather(1, at)
        box = raw[:, self.classes :].flatten(2).gather(2, at.unsqueeze(1).expand(-1, 4, -1))
        columns = raw.size(3)
        row = torch.div(at, columns, rounding_mode="floor")
        x = ((at - row * columns).float() + 0.5 + box[:, 0]) * self.stride
        y = (row.float() + 0.5 + box[:, 1]) * self.stride
        sides = half_sides(box[:, 2:])
        left, right = (x - sides[:, 0]) / width, (x + sides[:, 0]) / width
        top, bottom = (y - sides[:, 1]) / height, (y + sides[:, 1]) / height
        corners = torch.stack([left, top, right, bottom], 2).clamp(0.0, 1.0)
        return torch.cat([corners, score.unsqueeze(2), kind.float().unsqueeze(2)], 2)


class Trunk(nn.Module):
    """Strides 2 to 16 and the mean over what is left: `[n, width]`."""

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        w2, w4, w8, w16 = widths
        self.first = Stem(w2, 3, 2)
        self.body = nn.Sequential(
            Convolution(w2, w4, 3, 2),
            Separable(w4),
            Convolution(w4, w8, 3, 2),
            Dense(w8),
            Convolution(w8, w16, 3, 2),
            Dense(w16),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.body(self.first(images))


class Attributes(nn.Module):
    """Several one-of-many answers about one crop."""

    def __init__(self, sizes: list[int], widths: tuple[int, int, int, int] = (16, 24, 48, 48)) -> None:
        super().__init__()
        self.sizes = sizes
        self.trunk = Trunk(widths)
        # The place of a mark on the face matters: keep 4x4 of it instead of the mean.
        self.out = nn.Linear(widths[3] * 16, sum(sizes))

    def logits(self, images: Tensor) -> Tensor:
        """Returns `[n, sum(sizes)]`."""
        return self.out(self.trunk(images).flatten(1))

    def forward(self, images: Tensor) -> Tensor:
        """Takes `u8 [n, 3, 64, 64]`; returns `f32 [n, sum(sizes)]`, a softmax within each head."""
        heads = self.logits(images).float().split(self.sizes, 1)
        return torch.cat([head.softmax(1) for head in heads], 1)


class Context(nn.Module):
    """Which of many labels hold for a whole image: a scene everywhere, an object somewhere."""

    def __init__(self, labels: int, widths: tuple[int, int, int, int] = (16, 32, 64, 80)) -> None:
        super().__init__()
        self.trunk = Trunk(widths)
        self.here = nn.Conv2d(widths[3], labels, 1)
        self.everywhere = nn.Linear(widths[3], labels)
        nn.init.constant_(self.here.bias, -3.0)  # type: ignore[arg-type]

    def parts(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns logits of each cell, `[n, labels, h/16, w/16]`, and of the whole, `[n, labels]`."""
        x = self.trunk(images)
        return self.here(x), self.everywhere(x.mean([2, 3]))

    def forward(self, images: Tensor) -> Tensor:
        """Takes `u8 [n, 3, 120, 160]`; returns `f32 [n, labels]`, each in 0..1 by itself."""
        here, everywhere = self.parts(images)
        return torch.sigmoid((here.amax([2, 3]) + everywhere).float())


def folded(network: nn.Module) -> nn.Module:
    """A copy for inference, its batch normalization folded into the convolutions."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, Convolution) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
        if isinstance(module, Stem):
            with torch.no_grad():
                module.conv.weight.mul_(module.level)
            module.level = 1.0
    return network


def faces() -> Detector:
    """Faces on the frame at half size, `u8 [n, 3, 240, 320]`."""
    stem = nn.Sequential(Stem(8, 3, 2), Convolution(8, 24, 3, 2))
    return Detector(1, stem, widths=(24, 48, 64, 64), peaks=32)


def logos(brands: int) -> Detector:
    """Logos on the whole frame, `u8 [n, 3, 480, 640]`.

    One wide first convolution at a stride of 4: any map at a stride of 2 would cost as much
    memory traffic as the rest of the network.
    """
    return Detector(brands, Stem(32, 6, 4), widths=(32, 48, 64, 64), peaks=64)
