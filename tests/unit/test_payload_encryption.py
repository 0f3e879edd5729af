"""Payloads are sealed, opened with any of the keys, and refused where they were changed."""

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from activities.payload_encryption import (
    ENCODING,
    KEY_ID,
    EncryptionCodec,
    UnreadablePayload,
    payload_converter,
)
from activities.payload_keys import PayloadKeys, payload_keys, rotate
from activities.settings import Settings
from workflows.codec import THRESHOLD, CompressionCodec

OLD, NEW = "the key of last year", "the key of this year"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"a value of a request"')


def codec(*keys: str) -> EncryptionCodec:
    return EncryptionCodec(PayloadKeys(lambda: keys), CompressionCodec())


async def sealed(*keys: str) -> Payload:
    (payload,) = await codec(*keys).encode([PLAIN])
    return payload


async def test_nothing_of_a_payload_is_left_in_clear_and_all_of_it_comes_back() -> None:
    payload = await sealed(OLD)
    assert payload.metadata["encoding"] == ENCODING
    assert b"value" not in payload.SerializeToString() and b"json" not in payload.SerializeToString()
    assert await codec(OLD).decode([payload]) == [PLAIN]
    # The same value is another payload each time, so equal ones are not told from others.
    assert (await sealed(OLD)).data != payload.data


async def test_the_first_key_seals_and_all_open() -> None:
    before, after = await sealed(OLD), await sealed(NEW, OLD)
    assert before.metadata[KEY_ID] != after.metadata[KEY_ID]
    assert await codec(NEW, OLD).decode([before, after]) == [PLAIN, PLAIN]
    with pytest.raises(UnreadablePayload, match="not known here"):
        await codec(NEW).decode([before])


async def test_what_was_never_sealed_is_read_as_it_is() -> None:
    large = Payload(metadata={"encoding": b"json/plain"}, data=b"x" * THRESHOLD)
    compressed = await CompressionCodec().encode([large])
    assert await codec(OLD).decode([PLAIN, *compressed]) == [PLAIN, large]


async def test_a_payload_that_was_changed_is_refused() -> None:
    payload = await sealed(OLD)
    for place in (0, len(payload.data) // 2, len(payload.data) - 1):
        changed = bytearray(payload.data)
        changed[place] ^= 1
        with pytest.raises(UnreadablePayload, match="changed"):
            await codec(OLD).decode([Payload(metadata=payload.metadata, data=bytes(changed))])
    for short in (b"", payload.data[:11]):
        with pytest.raises(UnreadablePayload, match="cut off"):
            await codec(OLD).decode([Payload(metadata=payload.metadata, data=short)])


async def test_the_texts_of_failures_are_sealed_too() -> None:
    converter = payload_converter(Settings(payload_keys=SecretStr(OLD)))
    failure = Failure()
    await converter.encode_failure(ApplicationError("no server a value", "a value in detail"), failure)
    assert b"a value" not in failure.SerializeToString()
    error = await converter.decode_failure(failure)
    assert isinstance(error, ApplicationError)
    assert (error.message, list(error.details)) == ("no server a value", ["a value in detail"])


def test_a_key_that_is_put_in_front_in_the_file_is_noticed_when_it_is_met(tmp_path: Path) -> None:
    path = tmp_path / "payload-keys"
    rotate(path)
    settings = Settings(payload_keys_file=path)
    running = payload_keys(settings)
    assert running is not None
    before = running.sealing
    rotate(path)
    restarted = payload_keys(settings)
    assert restarted is not None and restarted.sealing != before
    assert running.find(restarted.sealing.id) == running.sealing == restarted.sealing
    assert restarted.find(before.id) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["payload-keys"]


def test_keys_that_become_unusable_leave_those_before(tmp_path: Path) -> None:
    path = tmp_path / "payload-keys"
    rotate(path)
    running = payload_keys(Settings(payload_keys_file=path))
    assert running is not None
    before = running.sealing
    path.write_text("short")
    assert running.find("unheard-of") is None
    assert running.find(before.id) == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"payload_keys": SecretStr("short")}, "at least 16 bytes"),
        ({"payload_keys": SecretStr(",")}, "there must be one"),
        ({"payload_keys": SecretStr(OLD), "payload_keys_file": Path("keys")}, "not both"),
        ({"payload_keys_file": Path("nowhere/keys")}, "No such file"),
    ],
)
def test_keys_that_cannot_be_used_prevent_the_start(given: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, OSError), match=message):
        payload_converter(Settings.model_validate(given))
