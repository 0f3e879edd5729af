"""Large payloads shrink on the way to Temporal and come back as they were."""

import zlib

import pytest
from temporalio.api.common.v1 import Payload

from tests.support.batches import batch, server_operation
from workflows.codec import LARGEST, THRESHOLD, CompressionCodec, TooLargePayload, data_converter
from workflows.domain.batches import BatchSpec


async def test_small_payloads_stay_readable() -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b'"small"')
    assert await CompressionCodec().encode([payload]) == [payload]


async def test_large_payloads_come_back_as_they_were() -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b"x" * THRESHOLD)
    (encoded,) = await CompressionCodec().encode([payload])
    assert len(encoded.data) < THRESHOLD
    assert await CompressionCodec().decode([encoded]) == [payload]


async def test_a_batch_of_10000_operations_fits_into_a_payload() -> None:
    wanted = batch(
        *(server_operation(f"server-{n}", [f"server-{n - 1}"] if n else []) for n in range(10_000))
    )
    (payload,) = await data_converter.encode([wanted])
    assert payload.ByteSize() < 2_000_000
    assert await data_converter.decode([payload], [BatchSpec]) == [wanted]


async def test_a_few_bytes_cannot_grow_without_bounds() -> None:
    inflated = zlib.compress(bytes(LARGEST + 2 * THRESHOLD))
    with pytest.raises(TooLargePayload, match="more than"):
        await CompressionCodec().decode([Payload(metadata={"encoding": b"binary/zlib"}, data=inflated)])
