"""Keys: text that notices a slip, wrapping that opens for its recipient and nobody else."""

import os
import string

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.crypto.identity import Identity, KeyMalformed, Recipient, from_base64, to_base64
from lifeboat.crypto.sealing import Compression, Kind, SealBroken, chunk_id, open_chunk, seal_chunk
from lifeboat.crypto.wrapping import unwrap, wrap
from lifeboat.foundation.errors import RepositoryDamaged

KEY = Identity(bytes(range(32)))
TEXT = KEY.to_text().reveal()


def test_a_key_reads_back_from_its_text_however_it_was_typed() -> None:
    for typed in (TEXT, TEXT.lower(), TEXT.replace("-", ""), f"  {TEXT[:20]} \n{TEXT[20:]} "):
        assert Identity.from_text(typed).recipient == KEY.recipient


def test_64_hex_digits_are_a_key() -> None:
    assert Identity.from_text(bytes(range(32)).hex()).recipient == KEY.recipient


@given(st.integers(10, len(TEXT) - 1), st.sampled_from(string.ascii_uppercase + "234567"))
def test_a_mistyped_character_is_noticed(at: int, other: str) -> None:
    if TEXT[at] in ("-", other):
        return
    with pytest.raises(KeyMalformed):
        Identity.from_text(TEXT[:at] + other + TEXT[at + 1 :])


@pytest.mark.parametrize("nonsense", ["", "x", "0" * 63, "g" * 64, "LIFEBOAT1-", "LIFEBOAT1-AAAA", "password"])
def test_what_is_no_key_is_refused_with_a_hint(nonsense: str) -> None:
    with pytest.raises(KeyMalformed) as refused:
        Identity.from_text(nonsense)
    assert refused.value.hint
    assert nonsense == "" or nonsense == "x" or nonsense not in str(refused.value)


def test_a_key_does_not_print_itself() -> None:
    shown = f"{KEY!r} {KEY.to_text()!r} {KEY.to_text()}"
    assert TEXT not in shown
    assert bytes(range(32)).hex() not in shown


def test_a_recipient_reads_back_from_its_text() -> None:
    assert Recipient.from_text(KEY.recipient.to_text()) == KEY.recipient
    with pytest.raises(KeyMalformed):
        Recipient.from_text(KEY.recipient.to_text()[:-9])


@given(st.binary(max_size=200))
@settings(max_examples=20)
def test_what_is_wrapped_opens_for_its_recipient_and_purpose_alone(secret: bytes) -> None:
    wrapped = wrap(secret, KEY.recipient, b"info")
    assert unwrap(wrapped, KEY, b"info") == secret
    with pytest.raises(RepositoryDamaged):
        unwrap(wrapped, KEY, b"other")
    with pytest.raises(RepositoryDamaged):
        unwrap(wrapped, Identity(b"x" * 32), b"info")
    with pytest.raises(RepositoryDamaged):
        unwrap(wrapped[:-1] + bytes((wrapped[-1] ^ 1,)), KEY, b"info")


def test_a_signature_holds_for_its_message_alone() -> None:
    signature = KEY.sign(b"message")
    assert KEY.recipient.has_signed(b"message", signature)
    assert not KEY.recipient.has_signed(b"massage", signature)
    assert not Identity(b"x" * 32).recipient.has_signed(b"message", signature)


@given(st.binary(max_size=3000), st.data())
def test_a_sealed_chunk_opens_only_as_what_it_is(plain: bytes, data: st.DataObject) -> None:
    cipher = AESGCM(os.urandom(32))
    name = chunk_id(b"k" * 32, Kind.CONTENT, plain)
    sealed = seal_chunk(cipher, Kind.CONTENT, Compression.NONE, name, len(plain), plain)
    assert open_chunk(cipher, Kind.CONTENT, Compression.NONE, name, len(plain), sealed) == plain
    at = data.draw(st.integers(0, len(sealed) - 1))
    wrong = [
        (Kind.LIST, Compression.NONE, name, len(plain), sealed),
        (Kind.CONTENT, Compression.ZSTD, name, len(plain), sealed),
        (Kind.CONTENT, Compression.NONE, bytes(32), len(plain), sealed),
        (Kind.CONTENT, Compression.NONE, name, len(plain) + 1, sealed),
        (Kind.CONTENT, Compression.NONE, name, len(plain), sealed[:at]),
        (Kind.CONTENT, Compression.NONE, name, len(plain), sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :]),
    ]
    for attempt in wrong:
        with pytest.raises(SealBroken):
            open_chunk(cipher, *attempt)


def test_a_chunks_name_depends_on_its_kind_and_the_writers_key() -> None:
    names = {chunk_id(key, kind, b"same") for key in (b"1" * 32, b"2" * 32) for kind in Kind}
    assert len(names) == 2 * len(Kind)


@given(st.binary(max_size=100))
def test_base64_has_one_form(raw: bytes) -> None:
    assert from_base64(to_base64(raw)) == raw
    with pytest.raises(ValueError):
        from_base64(to_base64(raw) + "=")
