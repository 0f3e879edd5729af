"""Payloads in the JSON of Temporal's own protobuf messages, in which bytes are base64."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Annotated

from pydantic import StringConstraints
from temporalio.api.common.v1 import Payload as Message

from api.schemas.envelope import RequestModel

Base64 = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")
]


class Payload(RequestModel):
    metadata: dict[str, Base64] = {}
    data: Base64 = ""


class Payloads(RequestModel):
    payloads: tuple[Payload, ...] = ()

    @classmethod
    def of(cls, messages: Sequence[Message]) -> "Payloads":
        return cls(
            payloads=tuple(
                Payload(
                    metadata={name: b64encode(value).decode() for name, value in message.metadata.items()},
                    data=b64encode(message.data).decode(),
                )
                for message in messages
            )
        )

    def messages(self) -> list[Message]:
        return [
            Message(
                metadata={name: b64decode(value) for name, value in payload.metadata.items()},
                data=b64decode(payload.data),
            )
            for payload in self.payloads
        ]
