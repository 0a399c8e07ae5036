"""Annotates images with Google's official client, over REST and gRPC; prints what it read, one JSON line each.

Arguments: host:port, API key, image files.
"""

import json
import sys

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import InvalidOperation
from google.cloud import vision
from google.cloud.vision_v1.services.image_annotator.transports import (
    ImageAnnotatorGrpcTransport,
    ImageAnnotatorRestTransport,
)

Type = vision.Feature.Type
TYPES = (Type.LABEL_DETECTION, Type.LOGO_DETECTION, Type.FACE_DETECTION, Type.OBJECT_LOCALIZATION)
BATCH = 16


def transports(host):
    """The client's two ways to speak."""
    yield "grpc", ImageAnnotatorGrpcTransport(channel=grpc.insecure_channel(host))
    rest = ImageAnnotatorRestTransport(host=host, url_scheme="http", credentials=AnonymousCredentials())
    yield "rest", rest


def read(response):
    """One answer as plain values."""
    return {
        "error": response.error.code,
        "labels": [it.description for it in response.label_annotations],
        "logos": [it.description for it in response.logo_annotations],
        "logo_corners": [[(at.x, at.y) for at in it.bounding_poly.vertices] for it in response.logo_annotations],
        "faces": [it.detection_confidence for it in response.face_annotations],
    }


def main():
    host, key, *names = sys.argv[1:]
    files = [open(name, "rb").read() for name in names]
    features = [vision.Feature(type_=it, max_results=50) for it in TYPES]
    for name, transport in transports(host):
        client = vision.ImageAnnotatorClient(transport=transport)
        answers = []
        for at in range(0, len(files), BATCH):
            requests = [
                vision.AnnotateImageRequest(image=vision.Image(content=it), features=features)
                for it in files[at : at + BATCH]
            ]
            metadata = [("x-goog-api-key", key)]
            batch = client.batch_annotate_images(requests=requests, metadata=metadata, timeout=240)
            answers += [read(it) for it in batch.responses]
        refused = None
        try:
            image = vision.Image(content=files[0])
            request = vision.AnnotateImageRequest(image=image, features=features)
            client.batch_annotate_images(requests=[request], metadata=[("x-goog-api-key", "wrong")], retry=None)
        except GoogleAPICallError as error:
            refused = type(error).__name__
        except InvalidOperation:
            # Over REST a 401 makes the client ask for new credentials, which anonymous ones have not got.
            refused = "Unauthorized"
        print(json.dumps({"transport": name, "answers": answers, "refused": refused}))


main()
