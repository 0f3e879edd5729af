"""How values travel to Temporal and back: pydantic JSON, large ones compressed.

A payload may have 2 MB, and a batch of 10,000 operations in JSON has more; its keys repeat, so it shrinks
to a tenth. Small payloads stay readable in the Temporal UI.
"""

import dataclasses
import zlib
from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import PayloadCodec

THRESHOLD = 32 * 1024
"""Bytes from which on a payload is compressed."""

LARGEST = 128 * 1024 * 1024
"""Bytes up to which it is, and to which it may grow again: a few kilobytes may be there to fill a memory."""

_ENCODING = b"binary/zlib"


class TooLargePayload(ValueError):
    """A compressed payload grows beyond `LARGEST`."""


class CompressionCodec(PayloadCodec):
    """Wraps payloads above `THRESHOLD` into compressed ones, and unwraps those."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._compress(p) if THRESHOLD <= len(p.data) <= LARGEST else p for p in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises TooLargePayload; what is no compressed payload at all is zlib's or protobuf's own error."""
        return [self._expand(p) if p.metadata.get("encoding") == _ENCODING else p for p in payloads]

    def _compress(self, payload: Payload) -> Payload:
        return Payload(metadata={"encoding": _ENCODING}, data=zlib.compress(payload.SerializeToString(), 6))

    def _expand(self, payload: Payload) -> Payload:
        inflater = zlib.decompressobj()
        # The envelope around the data adds some bytes.
        text = inflater.decompress(payload.data, LARGEST + THRESHOLD)
        if inflater.unconsumed_tail:
            raise TooLargePayload(f"a compressed payload has more than {LARGEST} bytes")
        if not inflater.eof:
            raise zlib.error("a compressed payload is cut off")
        return Payload.FromString(text)


data_converter = dataclasses.replace(pydantic_data_converter, payload_codec=CompressionCodec())
