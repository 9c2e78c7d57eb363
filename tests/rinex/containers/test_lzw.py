"""The format of Unix ``compress``: what another program packed, what is damaged, and codes by hand."""

import ncompress
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnssice_batch.rinex.containers.lzw import DAMAGED, FULL, WHOLE, unpack_lzw

LIMIT = 1 << 24


def packed(codes: list[int], bits: int = 16, *, block: bool = True) -> bytes:
    """Return codes of nine bits (at most eight of them, so that no width ever ends)."""
    number = sum(code << 9 * place for place, code in enumerate(codes))
    return b"\x1f\x9d" + bytes((bits | 128 * block,)) + number.to_bytes(-(-9 * len(codes) // 8), "little")


@given(
    st.one_of(
        st.binary(max_size=3000), st.text("01. \n", max_size=20_000).map(str.encode), st.integers(0, 10**5).map(bytes)
    )
)
@settings(deadline=None)
def test_what_another_program_packed_is_unpacked(content):
    assert unpack_lzw(ncompress.compress(content), LIMIT) == (content, WHOLE)


def test_a_table_that_is_full_and_cleared_is_followed():
    content = b"".join(number.to_bytes(3, "big") for number in range(0, 900_000, 7)) + bytes(300_000)
    assert unpack_lzw(ncompress.compress(content), LIMIT) == (content, WHOLE)


@pytest.mark.parametrize(
    ("codes", "content"),
    [
        ([97, 98, 257], b"abab"),
        ([97, 257], b"aaa"),
        ([97, 98, 257, 258, 99], b"abab" + b"ba" + b"c"),
        ([97], b"a"),
        ([], b""),
    ],
)
def test_codes_by_hand(codes, content):
    assert unpack_lzw(packed(codes), LIMIT) == (content, WHOLE)


def test_the_first_code_without_blocks_is_256():
    assert unpack_lzw(packed([97, 98, 256], block=False), LIMIT) == (b"abab", WHOLE)


@pytest.mark.parametrize("codes", [[97, 259], [257], [256], [97, 98, 300], [511]])
def test_a_code_that_was_not_given_yet_is_damage(codes):
    content, outcome = unpack_lzw(packed(codes), LIMIT)
    assert outcome == DAMAGED
    assert b"ab".startswith(content)


@pytest.mark.parametrize("head", [b"", b"\x1f\x9d", b"\x1f\x9d\x88abc", b"\x1f\x9d\x91abc"])
def test_a_head_that_is_none_is_damage(head):
    assert unpack_lzw(head, LIMIT) == (b"", DAMAGED)


def test_no_more_than_the_limit_and_one_byte_is_unpacked():
    content, outcome = unpack_lzw(ncompress.compress(bytes(100_000)), 5000)
    assert (len(content) <= 5001, outcome) == (True, FULL)
    assert unpack_lzw(ncompress.compress(bytes(5000)), 5000) == (bytes(5000), WHOLE)


def test_bytes_that_ended_the_process_in_the_library_are_only_damage():
    content = bytearray(ncompress.compress(bytes(range(256)) * 40))
    for at in range(3, len(content), 5):
        content[at] ^= 0x55
        assert len(unpack_lzw(bytes(content), LIMIT)[0]) <= LIMIT
