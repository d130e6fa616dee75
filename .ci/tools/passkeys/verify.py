"""Verifies recorded ceremonies of passkeys with the package webauthn, which shares no code with the service.

Reads one JSON document from the standard input: the relying party, and the options and responses of each ceremony.
Fails unless the package accepts every ceremony, and refuses each changed one.
"""

import copy
import json
import sys

from webauthn import base64url_to_bytes, verify_authentication_response, verify_registration_response
from webauthn.helpers.exceptions import WebAuthnException

recorded = sys.stdin.read()
if not recorded.strip():
    sys.exit("No recorded ceremonies on the standard input: see why record.js failed.")
record = json.loads(recorded)
rp_id, origin = record["rpId"], record["origin"]
registration, authentications = record["registration"], record["authentications"]


def register(credential, challenge=registration["challenge"], **changes):
    expected = {"expected_rp_id": rp_id, "expected_origin": origin} | changes
    return verify_registration_response(
        credential=credential,
        expected_challenge=base64url_to_bytes(challenge),
        require_user_verification=True,
        **expected,
    )


def authenticate(made, ceremony, counter, **changes):
    expected = {"expected_rp_id": rp_id, "expected_origin": origin} | changes
    return verify_authentication_response(
        credential=ceremony["assertion"],
        expected_challenge=base64url_to_bytes(ceremony["challenge"]),
        credential_public_key=made.credential_public_key,
        credential_current_sign_count=counter,
        require_user_verification=True,
        **expected,
    )


def refused(verify):
    try:
        verify()
    except WebAuthnException:
        return True
    return False


made = register(registration["credential"])
factor = record["factor"]
assert made.fmt == "none", made.fmt
assert made.aaguid == factor["aaguid"], made.aaguid
assert made.credential_backed_up == factor["isBackedUp"], made.credential_backed_up
assert (made.credential_device_type == "multi_device") == factor["isBackupEligible"], made.credential_device_type

counter = made.sign_count
for ceremony in authentications:
    proven = authenticate(made, ceremony, counter)
    assert proven.user_verified and proven.new_sign_count > counter, proven
    counter = proven.new_sign_count

changed = copy.deepcopy(authentications[0])
changed["assertion"]["response"]["authenticatorData"] = authentications[1]["assertion"]["response"]["authenticatorData"]
other_challenge = {**authentications[0], "challenge": authentications[1]["challenge"]}
attempts = {
    "registration, other challenge": lambda: register(registration["credential"], authentications[0]["challenge"]),
    "registration, other origin": lambda: register(registration["credential"], expected_origin="https://evil.example"),
    "registration, other relying party": lambda: register(registration["credential"], expected_rp_id="evil.example"),
    "other data": lambda: authenticate(made, changed, 0),
    "other challenge": lambda: authenticate(made, other_challenge, 0),
    "other origin": lambda: authenticate(made, authentications[0], 0, expected_origin="https://evil.example"),
    "other relying party": lambda: authenticate(made, authentications[0], 0, expected_rp_id="evil.example"),
}
accepted = [name for name, attempt in attempts.items() if not refused(attempt)]
assert not accepted, accepted
print(f"1 registration and {len(authentications)} authentications verified, {len(attempts)} changed ones refused")
