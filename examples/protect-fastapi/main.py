"""Documents of organizations: people and API keys need a permission there, machine users of the app may read."""

from collections import defaultdict

from fastapi import Depends, FastAPI

from gatehouse import require

app = FastAPI()
documents: defaultdict[str, list[str]] = defaultdict(list)


@app.get("/organizations/{org_id}/documents", dependencies=[Depends(require("documents:read", machines_pass=True))])
def read(org_id: str) -> list[str]:
    return documents[org_id]


@app.post("/organizations/{org_id}/documents", dependencies=[Depends(require("documents:write"))])
def write(org_id: str) -> list[str]:
    documents[org_id].append(f"document {len(documents[org_id]) + 1}")
    return documents[org_id]
