"""Where Temporal is, and as whom we go there: the one place where a client is made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client, Interceptor
from temporalio.common import HeaderCodecBehavior
from temporalio.converter import DataConverter
from temporalio.runtime import Runtime
from temporalio.service import TLSConfig

from activities.payload_encryption import payload_converter
from activities.settings import PREFIX, Settings, SettingsError
from workflows.codec import data_converter


@dataclass(frozen=True)
class TemporalAccess:
    """What a client needs to know. Certificates are read once, so new ones want a restart."""

    target: str
    """`host:port` of the frontend."""
    namespace: str = "default"
    tls: TLSConfig | bool = field(default=False, repr=False)
    api_key: str | None = field(default=None, repr=False)
    converter: DataConverter = field(default=data_converter, repr=False)
    """With a codec where payloads are encrypted."""
    runtime: Runtime | None = None
    """Where the SDK's own metrics go; None where nobody wants them."""
    interceptors: Sequence[Interceptor] = ()

    @classmethod
    def of(
        cls, settings: Settings, *, runtime: Runtime | None = None, interceptors: Sequence[Interceptor] = ()
    ) -> "TemporalAccess":
        """TLS is spoken where it is asked for, and wherever a certificate, a name or a key is set.

        Raises:
            SettingsError, ValueError: a file, or a payload key, cannot be used.
        """
        secret = settings.temporal_api_key
        return cls(
            target=settings.temporal_target,
            namespace=settings.temporal_namespace,
            tls=_tls(settings),
            api_key=secret.get_secret_value() if secret is not None else None,
            converter=payload_converter(settings),
            runtime=runtime,
            interceptors=interceptors,
        )

    async def client(self) -> Client:
        """A connected client.

        Raises:
            RuntimeError: nobody answers there, or not with a certificate that is trusted.
            RPCError: whoever answers refuses.
        """
        return await Client.connect(
            self.target,
            namespace=self.namespace,
            tls=self.tls,
            api_key=self.api_key,
            data_converter=self.converter,
            runtime=self.runtime,
            interceptors=self.interceptors,
            # A request's id, and what of a trace goes along, is encrypted where the rest is.
            header_codec_behavior=HeaderCodecBehavior.CODEC,
        )


def _tls(settings: Settings) -> TLSConfig | bool:
    authority = _read("temporal_ca_file", settings.temporal_ca_file)
    certificate = _read("temporal_cert_file", settings.temporal_cert_file)
    key = _read("temporal_key_file", settings.temporal_key_file)
    name = settings.temporal_server_name
    if authority or certificate or name:
        return TLSConfig(
            server_root_ca_cert=authority, client_cert=certificate, client_private_key=key, domain=name
        )
    # A key in plain text would be anybody's.
    return settings.temporal_tls or settings.temporal_api_key is not None


def _read(setting: str, file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        return file.expanduser().read_bytes()
    except OSError as error:
        raise SettingsError(f"{PREFIX}{setting.upper()}: {file} cannot be read: {error.strerror}") from None
