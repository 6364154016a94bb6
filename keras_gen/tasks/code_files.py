"""Files of codes: numbers quantised to equal steps, or whole numbers as they are, after an entropy coder."""

import bz2
import json
import lzma
import numbers
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_gen.core import provenance
from keras_gen.files import write_atomically

MAGIC = b"keras_gen codes 1\n"
BITS = 6  # of a number, where nothing is said
COMPRESSORS: dict[str, tuple[Callable, Callable]] = {
    "lzma": (lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), lzma.decompress),
    "bz2": (bz2.compress, bz2.decompress),
    "zlib": (lambda data: zlib.compress(data, 9), zlib.decompress),
}
OWN = "own"  # the model's: by the probabilities that it gives its codes
DAMAGE = (ValueError, TypeError, KeyError, IndexError, OSError, EOFError, lzma.LZMAError, zlib.error)


def check_bits(model: Any, bits: int | None) -> None:
    """Raises a ValueError if values of the model's codes cannot be quantised to so many bits; None for the default."""
    if model.num_codes is not None and bits is not None:
        raise ValueError(
            f"The codes of {type(model).__name__} are whole numbers from 0 to {model.num_codes - 1}, which are kept as "
            f"they are: `bits` must be left out. Received: bits={bits}"
        )
    if bits is not None and (not isinstance(bits, numbers.Integral) or not 1 <= bits <= 16):
        raise ValueError(f"`bits` must be a whole number from 1 to 16. Received: bits={bits}")


def write(model: Any, codes: np.ndarray, path: str | Path, bits: int | None, names: Sequence[str] | None) -> Path:
    """Writes codes, (N, ...), to a file that is replaced whole or not at all; see `compression.compress`."""
    flat = codes.reshape(len(codes), -1)
    header: dict[str, Any] = {
        "count": len(codes), "units": flat.shape[1], "model": type(model).__name__,
        "weights": provenance.weights_hash(model), "names": None if names is None else [*names],
    }  # fmt: skip
    ranges = b""
    if model.num_codes is None:
        bits = BITS if bits is None else int(bits)
        low, high = flat.min(axis=0), flat.max(axis=0)
        symbols = np.rint((flat - low) / _step(low, high, bits))
        ranges = np.stack([low, high]).astype("<f4").tobytes()
        header["bits"] = bits
    else:
        bits, symbols = 16 if model.num_codes > 256 else 8, flat
        header["num_codes"], header["check"] = model.num_codes, _checksum(flat)
    symbols = symbols.astype(_type(bits)).T.tobytes()
    packed = {name: pack(symbols) for name, (pack, _) in COMPRESSORS.items()}
    if model.num_codes is not None:
        packed[OWN] = model.codes_to_bytes(codes)
    header["compressor"] = min(packed, key=lambda name: len(packed[name]))
    content = MAGIC + json.dumps(header).encode() + b"\n" + ranges + packed[header["compressor"]]
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
    return Path(path)


def read(model: Any, path: str | Path) -> tuple[list[str] | None, np.ndarray]:
    """(names or None, codes) of a file of `write`.

    Raises:
        ValueError: if the file is incomplete, or was written with another model or other weights.
    """
    content = Path(path).read_bytes()
    damaged = f"The file must be a whole one, written by `compress`: write it again. Received: {path}"
    if not content.startswith(MAGIC):
        raise ValueError(damaged)
    try:
        header, _, body = content[len(MAGIC) :].partition(b"\n")
        header = json.loads(header)
        written_by, weights, count, units = (header[name] for name in ("model", "weights", "count", "units"))
    except DAMAGE as error:
        raise ValueError(damaged) from error
    if weights != provenance.weights_hash(model):
        raise ValueError(
            f"Codes must be decoded by the {written_by} that wrote them, with the same weights: load that one. "
            f"Received: {path} and another {type(model).__name__}"
        )
    try:
        if model.num_codes is None:
            low, high = np.frombuffer(body[: 8 * units], "<f4").reshape(2, units)
            symbols = _symbols(header, body[8 * units :], header["bits"])
            codes = (low + symbols * _step(low, high, header["bits"])).astype("float32")
        elif header["compressor"] == OWN:
            codes = model.codes_from_bytes(body, count)
        else:
            codes = _symbols(header, body, 16 if model.num_codes > 256 else 8).astype("int32")
    except DAMAGE as error:
        raise ValueError(damaged) from error
    if model.num_codes is not None and header.get("check") != _checksum(codes):
        raise ValueError(
            "Codes after an arithmetic coder are read back by the very probabilities that wrote them, on the same kind "
            f"of machine with the same versions, from a whole file. Received: {path}, which gives other codes here"
        )
    return header.get("names"), codes.reshape(count, *model.code_shape)


def _symbols(header, body, bits):
    symbols = COMPRESSORS[header["compressor"]][1](body)
    return np.frombuffer(symbols, _type(bits)).reshape(header["units"], header["count"]).T


def _type(bits):
    return "<u1" if bits <= 8 else "<u2"


def _step(low, high, bits):
    return np.maximum(high - low, 1e-12) / (2**bits - 1)


def _checksum(codes):
    return zlib.crc32(np.ascontiguousarray(codes, "<i4").tobytes())
