"""Seals what travels to Temporal, so that its database and its UI show nothing to whoever has no key."""

import dataclasses
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from activities.payload_keys import PayloadKeys, payload_keys
from activities.settings import Settings
from workflows.codec import CompressionCodec, data_converter

ENCODING = b"binary/encrypted"
CIPHER = b"AES-256-GCM"
KEY_ID = "encryption-key-id"
_NONCE_BYTES = 12
"""As NIST SP 800-38D recommends; drawn at random, which holds for 2**32 payloads of one key."""


class UnreadablePayload(Exception):
    """A payload was sealed with a key that is not ours, or was changed since."""


class EncryptionCodec(PayloadCodec):
    """Encodes as `inner` does, and seals that with AES-256-GCM. What was never sealed is read as it is."""

    def __init__(self, keys: PayloadKeys, inner: PayloadCodec) -> None:
        self._keys = keys
        self._inner = inner

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._seal(payload) for payload in await self._inner.encode(payloads)]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises UnreadablePayload."""
        opened = [self._open(p) if p.metadata.get("encoding") == ENCODING else p for p in payloads]
        return await self._inner.decode(opened)

    def _seal(self, payload: Payload) -> Payload:
        key = self._keys.sealing
        name = key.id.encode()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(key.key).encrypt(nonce, payload.SerializeToString(), name)
        return Payload(
            metadata={"encoding": ENCODING, "encryption-cipher": CIPHER, KEY_ID: name}, data=nonce + sealed
        )

    def _open(self, payload: Payload) -> Payload:
        name = payload.metadata.get(KEY_ID, b"")
        key = self._keys.find(name.decode(errors="replace"))
        if key is None:
            raise UnreadablePayload(f"a payload is sealed with the key {name!r:.40}, which is not known here")
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(AESGCM(key.key).decrypt(nonce, sealed, name))
        except (InvalidTag, ValueError, DecodeError) as error:
            raise UnreadablePayload("a sealed payload was changed, or cut off") from error


def payload_converter(settings: Settings) -> DataConverter:
    """How API, workers and whoever else speaks with Temporal turn values into payloads and back.

    With keys, the messages and stack traces of failures are sealed too, which otherwise are plain text.

    Raises:
        ValueError, OSError: the keys cannot be used.
    """
    keys = payload_keys(settings)
    if keys is None:
        return data_converter
    return dataclasses.replace(
        data_converter,
        payload_codec=EncryptionCodec(keys, CompressionCodec()),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
