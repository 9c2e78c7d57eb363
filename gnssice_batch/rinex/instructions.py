"""Instructions of the processor that numba has no name for, for use in kernels."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from llvmlite.ir import Constant, IntType, Undefined, VectorType
from numba import types
from numba.extending import intrinsic
from numba.np import arrayobj

_VECTOR = VectorType(IntType(8), 64)
_FIRST = Constant(IntType(32), 0)
_ALL_FIRST = Constant(VectorType(IntType(32), 64), [0] * 64)


def _trailing_zeros(_context: object, _word: object) -> tuple[object, object]:
    def generate(_context: object, builder: Any, _signature: object, arguments: Any) -> object:
        return builder.cttz(arguments[0], Constant(IntType(1), 0))

    return types.uint64(types.uint64), generate


def _equal_bytes(_context: object, buffer: object, _at: object, _byte: object) -> tuple[object, object]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> object:
        make_array: Any = arrayobj.make_array
        array = make_array(signature.args[0])(context, builder, arguments[0])
        there = builder.bitcast(builder.gep(array.data, [arguments[1]]), _VECTOR.as_pointer())
        one = builder.insert_element(Constant(_VECTOR, Undefined), arguments[2], _FIRST)
        wanted = builder.shuffle_vector(one, Constant(_VECTOR, Undefined), _ALL_FIRST)
        same = builder.icmp_unsigned("==", builder.load(there, align=1), wanted)
        return builder.bitcast(same, IntType(64))

    return types.uint64(buffer, types.int64, types.uint8), generate


trailing_zeros = cast("Callable[[np.uint64], np.uint64]", intrinsic(_trailing_zeros))
"""The number of zero bits below the lowest one of a word, 64 if there is none."""

equal_bytes = cast("Callable[[npt.NDArray[np.uint8], int, int], np.uint64]", intrinsic(_equal_bytes))
"""A bit for each of 64 bytes of a buffer from an index on, set where it is the byte. They must be in the buffer."""
