"""What an S3 server answers in place of what it was asked for, by the code of the error."""

from __future__ import annotations

from botocore.exceptions import ClientError

CONFLICT = "ConditionalRequestConflict"  # another writer came between
UNKNOWN = "NotImplemented"  # of a header that the server does not know
PASSING = frozenset({"SlowDown", "RequestTimeout", CONFLICT, "InternalError", "Throttling"})
ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
TAKEN = frozenset({"PreconditionFailed", "412"})  # of a conditional write where the object is there
REFUSED = frozenset({"AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"})


def code_of(error: Exception) -> str:
    """The code of an answer that is an error; "": it is no answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
