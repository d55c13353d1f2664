"""The reader of Torch7 files against a writer of our own, ``torchfile`` and hostile bytes."""

import struct
import tracemalloc

import numpy as np
import pytest
import torchfile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch7_writer import Module, write_t7

from a2ibench.errors import UserError
from a2ibench.soundnet.network import SOUNDNET5
from a2ibench.soundnet.torch7 import CLASS, MAX_DEPTH, read_t7
from a2ibench.soundnet.weights import convert

WEIGHT = np.arange(24, dtype=np.float32).reshape(2, 3, 4, 1)
NET = Module(
    "nn.Sequential",
    {
        "train": False,
        "modules": [
            Module("nn.SpatialConvolution", {"weight": WEIGHT, "bias": WEIGHT[0, 0, :2, 0].copy()}),
            Module("nn.ReLU", {"threshold": 0, "inplace": True, "note": None}),
            Module("nn.ConcatTable", {"modules": [Module("nn.Identity", {"eps": 1e-5})]}),
        ],
    },
)
SMALL = write_t7(NET)


def test_every_plain_value_comes_back():
    table = {"a": 1, "b": 0.5, 3: "text \xe9", "yes": True, "no": False, "none": None, "t": {}}
    assert read_t7(write_t7(table)) == table


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int64", "int32", "int16", "uint8", "int8"]
)
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (1, 1), (7, 1, 3, 1)])
def test_tensors_come_back(dtype, shape):
    array = (np.arange(np.prod(shape)) - 3).astype(dtype).reshape(shape)
    found = read_t7(write_t7({"x": array}))["x"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_modules_are_dictionaries_with_their_class():
    net = read_t7(SMALL)
    assert net[CLASS] == "nn.Sequential"
    convolution, relu, container = (net["modules"][i] for i in (1, 2, 3))
    assert convolution[CLASS] == "nn.SpatialConvolution"
    np.testing.assert_array_equal(convolution["weight"], WEIGHT)
    assert relu == {CLASS: "nn.ReLU", "threshold": 0, "inplace": True, "note": None}
    assert container["modules"][1] == {CLASS: "nn.Identity", "eps": 1e-5}


def test_it_agrees_with_torchfile(tmp_path):
    path = tmp_path / "net.t7"
    path.write_bytes(SMALL)
    theirs = torchfile.load(str(path), use_list_heuristic=False)

    def compare(ours, other):
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, other)
        elif isinstance(ours, dict):
            if CLASS in ours:
                assert other.torch_typename() == ours[CLASS].encode()
                other = other._obj
            fields = {key: value for key, value in ours.items() if key != CLASS}
            names = {key.decode() if isinstance(key, bytes) else key for key in other}
            assert names == fields.keys()
            for key, value in fields.items():
                compare(value, other[key.encode() if isinstance(key, str) else key])
        else:
            assert ours == other

    compare(read_t7(SMALL), theirs)


def test_one_object_met_twice_is_one_object_and_cycles_are_kept():
    inner: dict[str, object] = {}
    inner["self"] = inner
    found = read_t7(write_t7({"a": inner, "b": inner, "x": WEIGHT, "y": WEIGHT}))
    assert found["a"] is found["b"]
    assert found["a"]["self"] is found["a"]
    assert found["x"] is found["y"]


def tensor(shape, strides, offset, numbers):
    """A tensor's bytes with any header: its storage is float32 zeros."""
    n = len(shape)
    head = struct.pack("<iii3si", 4, 1, 3, b"V 1", 17) + b"torch.FloatTensor"
    head += struct.pack(f"<i{2 * n + 1}q", n, *shape, *strides, offset)
    store = struct.pack("<iii3si", 4, 2, 3, b"V 1", 18) + b"torch.FloatStorage"
    return head + store + struct.pack("<q", numbers) + bytes(4 * max(min(numbers, 100), 0))


def test_a_transposed_tensor_with_an_offset_is_read_by_its_strides():
    content = bytearray(tensor((2, 3), (1, 2), 3, 8))
    content[-32:] = np.arange(8, dtype="<f4").tobytes()
    np.testing.assert_array_equal(read_t7(bytes(content)), [[2, 4, 6], [3, 5, 7]])


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "numbers", "reason"),
    [
        ((2, 4), (4, 1), 2, 8, "in a storage of 8"),
        ((9,), (0,), 1, 8, "in a storage of 8"),
        ((1 << 62, 1 << 62), (0, 0), 1, 8, "in a storage of 8"),
        ((2,), (-1,), 2, 8, "strides"),
        ((-2,), (1,), 1, 8, "shape"),
        ((2,), (1,), 0, 8, "offset"),
        ((2,), (1,), 1, -1, "storage of -1"),
        ((2,), (1,), 1, 1 << 60, "cut off"),
        ((1,), (1,), 9, 8, "in a storage of 8"),
    ],
)
def test_a_tensor_that_leaves_its_storage_is_refused(shape, strides, offset, numbers, reason):
    with pytest.raises(UserError, match=reason):
        read_t7(tensor(shape, strides, offset, numbers))


def test_the_stride_of_a_dimension_of_one_does_not_matter():
    assert read_t7(tensor((1, 8), (1 << 62, 1), 1, 8)).shape == (1, 8)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut off"),
        (b"4\n1\n3\nV 1\n", "none of the binary format"),
        (struct.pack("<iiii", 6, 1, 0, 0), "function"),
        (struct.pack("<iii", 3, 1, 1 << 30), "a table of 1073741824 entries"),
        (struct.pack("<iii", 3, 1, -1), "a table of -1"),
        (struct.pack("<ii", 2, 1 << 30), "cut off"),
        (struct.pack("<ii", 2, -1), "string of -1"),
        (write_t7(Module("tds.Hash", 1.0)), "a way of its own"),  # type: ignore[arg-type]
        (struct.pack("<iii", 3, 1, 1) + bytes(4) + bytes(4), "a key of type NoneType"),
        (write_t7({"a": 1})[:-1], "cut off"),
    ],
)
def test_what_is_not_data_of_torch7_is_refused(content, reason):
    with pytest.raises(UserError, match=reason):
        read_t7(content)


def test_deep_nesting_is_refused_before_the_stack_ends():
    nested: dict[str, object] = {}
    for _ in range(MAX_DEPTH + 5):
        nested = {"a": nested}
    with pytest.raises(UserError, match="deep"):
        read_t7(write_t7(nested))
    with pytest.raises(UserError, match="deep"):
        read_t7(b"".join(struct.pack("<iii", 3, i, 1) for i in range(100_000)))


@st.composite
def damaged(draw):
    """A small network with some bytes changed, cut, or replaced by numbers that matter."""
    content = bytearray(SMALL)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content) - 8))
        if draw(st.booleans()):
            content[at] = draw(st.integers(0, 255))
        else:
            width, kind = draw(st.sampled_from([(4, "<i"), (8, "<q")]))
            edge = 1 << (8 * width - 1)
            number = draw(st.sampled_from([0, 1, 3, 4, -1, 64, edge - 1, -edge, edge >> 3]))
            content[at : at + width] = struct.pack(kind, number)
    return bytes(content[: draw(st.integers(0, len(content)))])


@settings(max_examples=300, deadline=1000)
@given(damaged() | st.binary(max_size=200))
@example(SMALL)
def test_damaged_bytes_are_refused_quickly_in_little_memory(content):
    tracemalloc.start()
    try:
        with pytest.raises(UserError):  # it never has the layers of SoundNet
            convert(content, "a.t7", SOUNDNET5)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
