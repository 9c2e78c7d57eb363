"""Instructions of the processor that numba has no name for, for use in kernels."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from llvmlite.ir import Constant, IntType, Undefined, VectorType
from numba import types
from numba.extending import intrinsic
from numba.np import arrayobj


def _trailing_zeros(_context: object, _word: object) -> tuple[object, object]:
    def generate(_context: object, builder: Any, _signature: object, arguments: Any) -> object:
        return builder.cttz(arguments[0], Constant(IntType(1), 0))

    return types.uint64(types.uint64), generate


def _equal(width: int, lanes: int) -> Callable[..., tuple[object, object]]:
    """Return the definition of an instruction that compares `lanes` integers of `width` bits with one."""

    def define(_context: object, buffer: object, _at: object, _wanted: object) -> tuple[object, object]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> object:
            make_array: Any = arrayobj.make_array
            array = make_array(signature.args[0])(context, builder, arguments[0])
            vector, index = VectorType(IntType(width), lanes), VectorType(IntType(32), lanes)
            there = builder.bitcast(builder.gep(array.data, [arguments[1]]), vector.as_pointer())
            one = builder.insert_element(Constant(vector, Undefined), arguments[2], Constant(IntType(32), 0))
            wanted = builder.shuffle_vector(one, Constant(vector, Undefined), Constant(index, [0] * lanes))
            same = builder.icmp_unsigned("==", builder.load(there, align=1), wanted)
            return builder.zext(builder.bitcast(same, IntType(lanes)), IntType(64))

        integers: Any = {8: types.int8, 64: types.int64}
        signature: Any = types.uint64
        return signature(buffer, types.int64, integers[width]), generate

    return define


trailing_zeros = cast("Callable[[np.uint64], np.uint64]", intrinsic(_trailing_zeros))
"""The number of zero bits below the lowest one of a word, 64 if there is none."""

type _Bytes = npt.NDArray[np.uint8] | npt.NDArray[np.int8]

equal_bytes = cast("Callable[[_Bytes, int, int], np.uint64]", intrinsic(_equal(8, 64)))
"""A bit for each of 64 bytes of a C-contiguous array from a flat index on, set where it is the byte."""

equal_octets = cast("Callable[[npt.NDArray[np.int8], int, int], np.uint64]", intrinsic(_equal(8, 8)))
"""The same for 8 bytes."""

equal_words = cast("Callable[[npt.NDArray[np.int64], int, int], np.uint64]", intrinsic(_equal(64, 8)))
"""The same for 8 words."""
