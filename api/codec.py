"""Turns payloads as Temporal keeps them into readable ones, and back, for the Temporal UI and its CLI."""

import zlib
from collections.abc import Sequence
from typing import Literal

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, PayloadCodec

from activities.payload_encryption import UnreadablePayload
from workflows.codec import LARGEST, TooLargePayload
from workflows.domain.errors import InvalidRequest

PATH = "/codec"
"""Under which the UI is told to look; it appends `/decode` and `/encode`."""

COOKIE = "codec_token"
"""How a browser shows the UI's requests to be those of somebody who logged in here."""


class Codec:
    """What the workers do with payloads, for those who may see them."""

    def __init__(self, converter: DataConverter) -> None:
        self._codec: PayloadCodec | None = converter.payload_codec

    async def turned(self, way: Literal["encode", "decode"], payloads: Sequence[Payload]) -> list[Payload]:
        """Raises InvalidRequest, with the place, where one cannot be decoded."""
        if self._codec is None:
            return list(payloads)
        turn = self._codec.encode if way == "encode" else self._codec.decode
        done: list[Payload] = []
        for place, payload in enumerate(payloads):
            try:
                done += await turn([payload])
            except UnreadablePayload as error:
                raise InvalidRequest(f"payloads[{place}]: {error}") from error
            except (DecodeError, zlib.error) as error:
                raise InvalidRequest(f"payloads[{place}]: it is no compressed payload") from error
            except TooLargePayload as error:
                raise InvalidRequest(f"payloads[{place}]: {error}") from error
            if sum(len(one.data) for one in done) > LARGEST:
                raise InvalidRequest(f"payloads: together they have more than {LARGEST} bytes")
        return done
