"""Images by address, as the models see them: fetched over kept connections, decoded as small as they may be, framed."""

from __future__ import annotations

import base64
import io
import time
from dataclasses import dataclass
from typing import Any

import blake3
import cv2
import numpy as np
import simplejpeg
import urllib3
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]
#: Width and height in px.
Size = tuple[int, int]

#: Level of the part of a frame that no image covers.
FILL = 114
#: Largest file, bytes.
BYTES_MAX = 20_000_000
#: Where Exif stands, if it is there: it comes first.
EXIF_WITHIN_BYTES = 4_096
CONNECT_MAX_SECONDS, READ_MAX_SECONDS = 5.0, 10.0
RETRIES = 2

# Each image has a thread already: OpenCV's own would only be in the way of the others.
cv2.setNumThreads(0)


class Unreadable(Exception):
    """An image that cannot be had: in which stage, and why."""

    def __init__(self, stage: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.stage, self.reason = stage, reason


@dataclass
class Picture:
    """What is known of an image whose pixels are in its frame."""

    info: dict[str, Any]
    #: Width and height that it covers, in px of the frame, from the top left.
    content: Size
    fetch_seconds: float
    decode_seconds: float


class Images:
    """Fetches and decodes; used by many threads at once."""

    def __init__(self, frame: Size, connections: int) -> None:
        self.frame = frame
        self.http = urllib3.PoolManager(
            maxsize=connections,
            block=True,
            retries=urllib3.Retry(RETRIES, backoff_factor=0.1, status_forcelist=(502, 503, 504)),
            timeout=urllib3.Timeout(connect=CONNECT_MAX_SECONDS, read=READ_MAX_SECONDS),
        )

    def load(self, source: dict[str, str], frame: Pixels) -> Picture:
        """Puts an image into `frame`, `u8 [height, width, 3]`; raises `Unreadable`."""
        began = time.perf_counter()
        try:
            data = base64.b64decode(source["inline"]) if "inline" in source else self.fetch(source["uri"])
        except (KeyError, ValueError) as error:
            raise Unreadable("receive", "INVALID_JOB", f"no image in {sorted(source)}") from error
        fetched = time.perf_counter()
        try:
            size, content, kind = self.decode(data, frame)
        except Exception as error:  # Decoders raise many types, and each means the same here.
            raise Unreadable("decode", "CORRUPT_IMAGE", str(error)) from error
        info = {
            "width": size[0],
            "height": size[1],
            "blake3": blake3.blake3(data).hexdigest(),
            "format": kind,
            "bytes": len(data),
        }
        return Picture(info, content, fetched - began, time.perf_counter() - fetched)

    def fetch(self, address: str) -> bytes:
        """The bytes at an address; the connection is kept for the next one."""
        try:
            answer = self.http.request("GET", address)
        except urllib3.exceptions.HTTPError as error:
            raise Unreadable("fetch", "FETCH_FAILED", str(error)) from error
        if answer.status != 200:
            reason = "NOT_FOUND" if answer.status in (404, 410) else "FETCH_FAILED"
            raise Unreadable("fetch", reason, f"HTTP status {answer.status}")
        if len(answer.data) > BYTES_MAX:
            raise Unreadable("fetch", "TOO_LARGE", f"{len(answer.data)} bytes")
        return answer.data

    def decode(self, data: bytes, frame: Pixels) -> tuple[Size, Size, str]:
        """Fills `frame`; returns the size of the upright image, what it covers, and its format."""
        if not data.startswith(b"\xff\xd8") or b"Exif\0\0" in data[:EXIF_WITHIN_BYTES]:
            return self.decode_unusual(data, frame)
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        content = fitted((width, height), self.frame)
        least = {"min_height": content[1], "min_width": content[0]}
        # The smallest eighths that cover the content are often the frame itself: nothing is left to scale or to copy.
        scaled = simplejpeg.decode_jpeg_header(data, **least)[:2] if content == self.frame else None
        exact = scaled == (self.frame[1], self.frame[0])
        pixels = simplejpeg.decode_jpeg(data, "RGB", buffer=frame if exact else None, **least)
        if not exact:
            self.place(pixels, content, frame)
        return (width, height), content, "jpeg"

    def decode_unusual(self, data: bytes, frame: Pixels) -> tuple[Size, Size, str]:
        """The same for what is no JPEG, or a turned one: by Pillow, which reads all and is slower."""
        with Image.open(io.BytesIO(data)) as image:
            kind = (image.format or "").lower()
            upright = ImageOps.exif_transpose(image).convert("RGB")
        content = fitted(upright.size, self.frame)
        self.place(np.asarray(upright), content, frame)
        return upright.size, content, kind

    def place(self, pixels: Pixels, content: Size, frame: Pixels) -> None:
        """Scales upright pixels into the top left `content` of a frame and fills the rest."""
        width, height = content
        if (pixels.shape[1], pixels.shape[0]) != content:
            # Areas where it shrinks, so that nothing is left out; that filter is none where it grows.
            shrinks = pixels.shape[1] > width or pixels.shape[0] > height
            pixels = cv2.resize(pixels, content, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        frame[:height, :width] = pixels
        frame[height:] = FILL
        frame[:height, width:] = FILL


def fitted(size: Size, frame: Size) -> Size:
    """The largest size of this shape that fits into the frame."""
    scale = min(frame[0] / size[0], frame[1] / size[1])
    return min(frame[0], max(1, round(size[0] * scale))), min(frame[1], max(1, round(size[1] * scale)))
