"""What readers see of a transcript: all of it, or the view that its job or their key asks for."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from pipeline.options import ENTITIES, RedactionOptions
from pipeline.values import Span, Transcript, Utterance
from workers.settings import Settings

_KEY_BYTES = 32


def shown(
    transcript: Transcript,
    redaction: RedactionOptions | None,
    settings: Settings,
    tenant: str,
    before: Sequence[Utterance] = (),
) -> Transcript:
    """`transcript`, without what `redaction` takes out of it; `before` was said before it in the same call."""
    if redaction is None:
        return transcript
    # It comes with all of formatting, models too, which only this needs.
    from pipeline.format.redaction import redacted  # noqa: PLC0415

    return redacted(transcript, redaction, tenant_key(settings, tenant), before)


def silenced(transcript: Transcript, redaction: RedactionOptions, before: Sequence[Utterance] = ()) -> list[Span]:
    """The stretches of the recording that are not to be heard, in order and apart; `before` as `shown` has it."""
    from pipeline.format.redaction import sensitive_stretches  # noqa: PLC0415

    return sensitive_stretches(transcript, redaction, before)


def at_least_usual(redaction: RedactionOptions | None) -> RedactionOptions:
    """What is left out for readers who may not see everything: what the job asks for, and all that is usual."""
    asked = redaction or RedactionOptions()
    return asked.model_copy(update={"entities": tuple(dict.fromkeys((*asked.entities, *ENTITIES)))})


def tenant_key(settings: Settings, tenant: str) -> bytes:
    """The key of a tenant's hashes: another tenant's hash of the same number is another one."""
    secret = settings.redaction_secret.get_secret_value().encode() or _own_secret(settings.home_path)
    return hmac.new(secret, tenant.encode(), hashlib.sha256).digest()


def _own_secret(home: Path) -> bytes:
    """The secret of this installation, made when it is first needed."""
    path = home / "redaction.key"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_hex(_KEY_BYTES), encoding="ascii")
        # Of two processes that make one, the first counts for both.
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_bytes()
