"""Arithmetic coding: symbols become bytes by their probabilities, and come back exactly.

A message is a number in [0, 1): each symbol keeps, of the interval that the symbols before have left, its share. What
is left at the end is as wide as the product of all probabilities, so that `-log2 p` bits name a number in it, however
small the fractions of bits of single symbols are.

Source: Rissanen 1976, "Generalized Kraft inequality and arithmetic coding"; with whole numbers, byte by byte, Martin
1979, "Range encoding". Decoding takes the very same whole numbers as encoding: `edges` of the same probabilities.
"""

import bisect

import numpy as np

from keras_gen.face import names_of

TOTAL_BITS = 24
TOTAL = 1 << TOTAL_BITS  # what the shares of all symbols sum to
BYTES = 7  # of the window on the number that is worked with
TOP, BOTTOM = 1 << 8 * BYTES, 1 << 8 * (BYTES - 1)


def edges(p) -> np.ndarray:
    """Where the shares of K symbols begin and end, whole numbers from 0 to 2^24. (..., K) -> (..., K + 1) int64.

    Each symbol gets at least 1, whatever its probability, and the likeliest what rounding leaves over.

    Args:
        p: (..., K), probabilities or what is proportional to them.
    """
    p = np.asarray(p, "float64")
    shares = 1 + np.floor(p / p.sum(axis=-1, keepdims=True) * (TOTAL - p.shape[-1])).astype("int64")
    rest = TOTAL - shares.sum(axis=-1, keepdims=True)
    likeliest = shares.argmax(axis=-1)[..., None]
    np.put_along_axis(shares, likeliest, np.take_along_axis(shares, likeliest, -1) + rest, -1)
    return np.concatenate([np.zeros((*shares.shape[:-1], 1), "int64"), shares.cumsum(axis=-1)], axis=-1)


class Encoder:
    """Writes symbols.

    Example:
        >>> encoder, each = Encoder(), edges([0.7, 0.2, 0.1]).tolist()
        >>> for symbol in (0, 0, 1, 0, 0, 2, 0, 0):
        ...     encoder.write(symbol, each)
        >>> data = encoder.finish()  # 8.7 bits
        >>> decoder = Decoder(data)
        >>> len(data), [decoder.read(each) for _ in range(8)]
        (2, [0, 0, 1, 0, 0, 2, 0, 0])
    """

    def __init__(self):
        self._low, self._width, self._bytes = 0, TOP, bytearray()

    def write(self, symbol: int, edges) -> None:
        """Keeps the share of a symbol. `edges` is a list of K + 1 ints; see the function."""
        unit = self._width >> TOTAL_BITS
        self._low += unit * edges[symbol]
        self._width = unit * (edges[symbol + 1] - edges[symbol])
        self._carry()
        while self._width < BOTTOM:
            self._shift()
            self._width <<= 8

    def finish(self) -> bytes:
        """The fewest bytes that name a number in what is left; what follows them counts as zeros."""
        for kept in range(1, BYTES + 1):
            rest = (1 << 8 * (BYTES - kept)) - 1
            number = (self._low + rest) & ~rest
            if number < self._low + self._width:
                break
        self._low = number
        self._carry()
        for _ in range(kept):
            self._shift()
        return bytes(self._bytes)

    def _carry(self):
        """Lets what flows over the window into the bytes before it."""
        if self._low >= TOP:
            self._low -= TOP
            place = len(self._bytes) - 1
            while self._bytes[place] == 255:
                self._bytes[place] = 0
                place -= 1
            self._bytes[place] += 1

    def _shift(self):
        self._bytes.append(self._low // BOTTOM)
        self._low = (self._low % BOTTOM) << 8


class Decoder:
    """Reads the symbols of an `Encoder`, given the same edges in the same order.

    Args:
        data: bytes of `Encoder.finish`.
    """

    def __init__(self, data: bytes):
        self._data, self._next, self._width = data, BYTES, TOP
        self._number = int.from_bytes(data[:BYTES].ljust(BYTES, b"\0"), "big")  # above the low end

    def read(self, edges) -> int:
        """The next symbol. `edges` is a list of K + 1 ints; see the function."""
        unit = self._width >> TOTAL_BITS
        symbol = bisect.bisect_right(edges, min(self._number // unit, TOTAL - 1)) - 1
        self._number -= unit * edges[symbol]
        self._width = unit * (edges[symbol + 1] - edges[symbol])
        while self._width < BOTTOM:
            following = self._data[self._next] if self._next < len(self._data) else 0
            self._next += 1
            self._number = (self._number << 8) | following
            self._width <<= 8
        return symbol


__dir__ = names_of(globals())
