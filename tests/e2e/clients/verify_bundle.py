"""Verifies a sigstore bundle with in-toto's DSSE library: BUNDLE PUBLIC_KEY DIGEST. Prints the predicate's type."""

import json
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

bundle, public_key, digest = sys.argv[1:]
key = SSlibKey.from_crypto(load_pem_public_key(open(public_key, "rb").read()))
envelope = json.load(open(bundle))["dsseEnvelope"]
# Optional in DSSE, and wanted by the library.
envelope["signatures"][0]["keyid"] = key.keyid
envelope = Envelope.from_dict(envelope)
envelope.verify([key], 1)
statement = json.loads(envelope.payload)
assert [f"sha256:{subject['digest']['sha256']}" for subject in statement["subject"]] == [digest], statement
print(statement["predicateType"])
