"""Redaction: what is sensitive in a transcript is found as spans, and a view on the transcript leaves it out."""

from pipeline.format.redaction.entities import SensitiveSpan, find_sensitive
from pipeline.format.redaction.runs import Said
from pipeline.format.redaction.view import redacted, sensitive_stretches

__all__ = ["Said", "SensitiveSpan", "find_sensitive", "redacted", "sensitive_stretches"]
