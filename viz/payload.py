"""Numbers on their way to the browser: base64 of typed arrays, in the form that plotly.js decodes by itself."""

import base64
from typing import Any, Final, TypedDict

import numpy as np
from numpy.typing import NDArray

_CODES: Final = {"float32": "f4", "float64": "f8", "int32": "i4", "uint8": "u1"}
_DTYPES: Final = {code: name for name, code in _CODES.items()}


class TypedArray(TypedDict):
    """One array: the little-endian values of `dtype` in row order as base64, and the shape as "rows, columns"."""

    dtype: str
    bdata: str
    shape: str


def pack(values: NDArray[Any]) -> TypedArray:
    """Packs an array. int64 becomes int32 and bool uint8, the widest kinds that a browser's typed arrays can hold.

    Raises:
        ValueError: The values are of another kind, or an integer does not fit into 32 bits.
    """
    array = np.ascontiguousarray(values)
    if array.dtype == np.int64:
        narrow = array.astype(np.int32)
        if not np.array_equal(narrow, array):
            raise ValueError("an integer on its way to the page does not fit into 32 bits")
        array = narrow
    elif array.dtype == np.bool_:
        array = array.astype(np.uint8)
    code = _CODES.get(array.dtype.name)
    if code is None:
        raise ValueError(f"cannot send {array.dtype} to the page; expected one of {', '.join(_CODES)}")
    data = base64.b64encode(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()).decode("ascii")
    return {"dtype": code, "bdata": data, "shape": ", ".join(str(size) for size in np.shape(values))}


def unpack(packed: TypedArray) -> NDArray[Any]:
    """Reads back what `pack` made, in the dtype that travelled."""
    dtype = np.dtype(_DTYPES[packed["dtype"]]).newbyteorder("<")
    shape = tuple(int(size) for size in packed["shape"].split(","))
    return np.frombuffer(base64.b64decode(packed["bdata"]), dtype).reshape(shape)
