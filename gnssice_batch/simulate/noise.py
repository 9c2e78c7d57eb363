"""Random numbers as a pure function of what they belong to, so that the order of work does not matter."""

import hashlib
from typing import Final

import numpy as np

from gnssice_batch.rinex.primitives.jit import with_arrays

_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_S16, _S32, _S48, _S11 = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(11)
_LOW: Final = np.uint64(0xFFFF)


def key(*words: object) -> int:
    """Return 64 bits that stand for the words, the same on every machine."""
    text = "\x1f".join(str(word) for word in words)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@with_arrays
def mixed(bits: np.uint64) -> np.uint64:
    """Return the bits scrambled (the finaliser of splitmix64)."""
    bits = bits + _STEP
    bits = (bits ^ (bits >> _S30)) * _FIRST
    bits = (bits ^ (bits >> _S27)) * _SECOND
    return bits ^ (bits >> _S31)


@with_arrays
def drawn(stream: np.uint64, number: int) -> np.uint64:
    """Return the random bits of a stream for a whole number, such as a time."""
    return mixed(stream ^ mixed(np.uint64(number)))


@with_arrays
def uniform(bits: np.uint64) -> float:
    """Return the bits as a number in [0, 1)."""
    return float(bits >> _S11) * 2.0**-53


@with_arrays
def gaussian(bits: np.uint64) -> float:
    """Return the bits as a number of nearly normal distribution, mean 0, variance 1, never beyond 3.5."""
    total = (bits & _LOW) + ((bits >> _S16) & _LOW) + ((bits >> _S32) & _LOW) + (bits >> _S48)
    return (float(total) / 65536.0 - 2.0) * 1.7320508075688772


@with_arrays
def uniforms(stream: np.uint64, first: int, count: int) -> np.ndarray:
    """Return (N,) numbers in [0, 1) of a stream for consecutive whole numbers."""
    numbers = np.empty(count, np.float64)
    for index in range(count):
        numbers[index] = uniform(drawn(stream, first + index))
    return numbers
