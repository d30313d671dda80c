"""What waits in memory comes back as it was."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from error_manager.flows.packed import pack, pack_array


@given(st.binary(max_size=2_000))
def test_bytes_come_back(content):
    """Any bytes, also none."""
    assert pack(content).unpack() == content


@given(arrays(np.float64, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9)))
def test_arrays_come_back_bit_by_bit(array):
    """Shape and every number, NaN and negative zero among them."""
    found = pack_array(array).unpack()
    assert (found.shape, found.dtype, found.tobytes()) == (array.shape, array.dtype, array.tobytes())


def test_counts_take_a_small_part_of_their_memory():
    """A month of hours of two hundred patterns that happen now and then."""
    counts = np.random.default_rng(7).poisson(0.3, (200, 720)).astype(np.float64)
    assert len(pack_array(counts).content.content) < counts.nbytes / 10
