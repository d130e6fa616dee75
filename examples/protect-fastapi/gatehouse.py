"""Verifies tokens and API keys of Gatehouse, and asks for permissions."""

import os
import time
from typing import Annotated, Any, Callable

import httpx
import jwt
from fastapi import Header, HTTPException

ISSUER = os.environ.get("GATEHOUSE_URL", "http://localhost:3000") + "/apps/demo"
AUDIENCE = "https://api.example.com"
# A machine user with the scope tokens:read.
CLIENT = (os.environ.get("CLIENT_ID", ""), os.environ.get("CLIENT_SECRET", ""))


class Keys(jwt.PyJWKClient):
    """Fetches the keys at most every 30 seconds, because anybody can send ids of unknown keys."""

    fetched_at = float("-inf")
    fetched: Any = None

    def fetch_data(self) -> Any:
        if time.monotonic() - self.fetched_at > 30:
            self.fetched = super().fetch_data()
            self.fetched_at = time.monotonic()
        return self.fetched


people = Keys(f"{ISSUER}/oauth/jwks", lifespan=300)
machines = Keys(f"{ISSUER}/.well-known/jwks.json", lifespan=300)


def verify(token: str, keys: Keys) -> dict[str, Any] | None:
    """Returns the claims, or None if another key set signed the token or the token is not valid."""
    try:
        if jwt.get_unverified_header(token).get("typ") != "at+jwt":
            return None
        return jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token).key,
            algorithms=["ES256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["exp", "nbf", "sub"]},
        )
    except jwt.PyJWKClientConnectionError as error:
        raise HTTPException(503, "the keys could not be fetched") from error
    except jwt.PyJWTError:
        return None


def person_of(token: str) -> dict[str, Any] | None:
    claims = verify(token, people)
    return claims if claims and claims.get("token_use") == "user" else None


def api_key_of(token: str) -> dict[str, Any] | None:
    try:
        answer = httpx.post(f"{ISSUER}/oauth/introspect", data={"token": token}, auth=CLIENT).raise_for_status().json()
    except httpx.HTTPError as error:
        raise HTTPException(503, "Gatehouse could not be asked") from error
    if not answer["active"] or answer["kind"] != "api_key":
        return None
    if "rate" in answer:
        raise HTTPException(429, headers={"Retry-After": str(answer["rate"]["retryAfterSeconds"])})
    return answer


def require(permission: str, *, machines_pass: bool = False) -> Callable[..., str]:
    """A dependency: the caller has the permission in the organization of the path. It returns the id of the caller."""

    def check(org_id: str, authorization: Annotated[str, Header()] = "") -> str:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise HTTPException(401, "unauthenticated")
        caller = api_key_of(token) if token.startswith("gh_k_") else person_of(token)
        if caller:
            if caller.get("org_id") != org_id:
                raise HTTPException(404, "organization_not_found")
            if permission not in caller.get("permissions", []):
                raise HTTPException(403, "access_denied")
            return str(caller["sub"])
        machine = verify(token, machines)
        if not machine or "GENERIC_MACHINE_USER" not in machine.get("roles", []):
            raise HTTPException(401, "unauthenticated")
        if not machines_pass:
            raise HTTPException(403, "human_required")
        return str(machine["sub"])

    return check
