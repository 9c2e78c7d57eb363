"""Sealed documents: whatever was changed, cut off or is of another format is not believed."""

import hashlib

import pytest

from gnssice_batch.job.sealing import FORMAT, seal, unseal, unsealed

DOCUMENT = {"a": 1, "b": [2.5, "x"]}


def test_a_document_comes_back():
    assert unseal(seal(DOCUMENT)) == DOCUMENT


def test_the_head_gives_format_length_and_digest_of_the_body():
    head, body = seal(DOCUMENT).rstrip(b"\n").split(b"\n")
    assert head.decode().split(" ") == [
        "gnssice-journal",
        str(FORMAT),
        str(len(body)),
        hashlib.sha256(body).hexdigest(),
    ]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"a":1', b'"a":2', "cut off or changed"),
        (b"2.5", b"2.50", "cut off or changed"),
        (f" {FORMAT} ".encode(), b" 1 ", f"not a journal file of format {FORMAT}"),
        (b"gnssice-journal", b"gnssice-journey", "not a journal file"),
    ],
    ids=["a value", "a longer value", "format", "magic"],
)
def test_what_was_changed_is_not_believed(old, new, why):
    with pytest.raises(ValueError, match=why):
        unseal(seal(DOCUMENT).replace(old, new, 1))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n{}", "gnssice-journal ä\n{}".encode(), b"gnssice-journal"])
def test_what_was_never_sealed_is_not_believed(content):
    """Be it no text at all: what reads it knows one kind of error."""
    with pytest.raises(ValueError, match="not a journal file"):
        unseal(content)


@pytest.mark.parametrize("words", [1, 2, 3])
def test_a_head_that_is_cut_off_is_not_believed(words):
    head, body = seal(DOCUMENT).split(b"\n", 1)
    with pytest.raises(ValueError, match=r"not a journal file|cut off or changed"):
        unseal(b" ".join(head.split(b" ")[:words]) + b"\n" + body)
    with pytest.raises(ValueError, match="cut off or changed"):
        unseal(head + b" more\n" + body)


def test_every_single_character_of_the_body_counts():
    whole = seal(DOCUMENT)
    start = whole.index(b"\n") + 1
    for at in range(start, len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        with pytest.raises(ValueError, match="cut off or changed"):
            unseal(changed)


def test_of_several_documents_a_damaged_one_costs_no_other():
    parts = [seal({"n": number}) for number in range(3)]
    whole = b"\n".join(parts)
    assert list(unsealed(whole)) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert list(unsealed(whole.replace(b'"n":1', b'"n":7'))) == [{"n": 0}, None, {"n": 2}]
    assert list(unsealed(whole[:-3])) == [{"n": 0}, {"n": 1}, None]
    assert list(unsealed(b"\n".join([parts[0], b"left over", parts[1]]))) == [{"n": 0}, {"n": 1}]
    assert list(unsealed(parts[0] + b"\n" + parts[1].split(b"\n")[0])) == [{"n": 0}, None]
