"""Redaction: what is sensitive in a transcript is found as spans, and a view on the transcript leaves it out."""

from pipeline.format.redaction.entities import Entity, SensitiveSpan, find_sensitive
from pipeline.format.redaction.runs import Said
from pipeline.format.redaction.view import Redaction, Style, redacted, sensitive_stretches

__all__ = ["Entity", "Redaction", "Said", "SensitiveSpan", "Style", "find_sensitive", "redacted", "sensitive_stretches"]
