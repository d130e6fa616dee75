"""Uses the client that was generated for Python, as a program of a customer would."""

import os
from datetime import datetime, timedelta, timezone

import gatehouse_client as gatehouse
from gatehouse_client.exceptions import NotFoundException

configuration = gatehouse.Configuration(
    host=os.environ["GATEHOUSE_URL"], api_key={"appName": os.environ["GATEHOUSE_APP"]}
)
# The default of the generator writes the offset as +0000, which RFC 3339 does not know.
configuration.datetime_format = "%Y-%m-%dT%H:%M:%SZ"

with gatehouse.ApiClient(configuration) as client:
    authentication = gatehouse.AuthenticationApi(client)
    authorization = gatehouse.AuthorizationApi(client)

    started = authentication.sign_in(
        gatehouse.SignInRequest(email=os.environ["GATEHOUSE_EMAIL"], password=os.environ["GATEHOUSE_PASSWORD"])
    )
    configuration.access_token = started.session_token
    assert authentication.get_me().user_id == started.user_id

    made = authorization.setup_organization(
        gatehouse.SetupOrganizationRequest(
            org_name="Python", admin_first_name="Ada", admin_last_name="Byron", admin_email="ada@example.com"
        )
    )
    authorization.update_organization(
        made.org_id, gatehouse.UpdateOrganizationRequest(metadata={"plan": "pro", "unused": None})
    )
    organization = authorization.get_organization(made.org_id, include_metadata=True)
    assert organization.metadata == {"plan": "pro"}, organization
    assert authorization.list_organizations(page_size=10).metadata.total == 1

    # A time as a parameter, which is parsed and written again.
    since = datetime.now(timezone.utc) - timedelta(hours=1)
    actions = [event.action for event in authorization.list_audit_events(page_size=100, var_from=since).events]
    assert "organization.updated" in actions, actions

    machine = authorization.create_machine_user(gatehouse.CreateMachineUserRequest(user_name="robot"))
    token = authentication.request_machine_token(
        gatehouse.RequestMachineTokenRequest(
            client_id=machine.client_id, client_secret=machine.client_secret, audience=["https://billing.example.com"]
        )
    ).token
    configuration.access_token = authentication.request_machine_token(
        gatehouse.RequestMachineTokenRequest(client_id=machine.client_id, client_secret=machine.client_secret)
    ).token
    seen = authentication.introspect_token(gatehouse.IntrospectTokenRequest(token=token))
    assert seen.active and seen.aud == ["https://billing.example.com"], seen

    try:
        authorization.get_organization("1")
        raise AssertionError("there is no such organization")
    except NotFoundException as refusal:
        assert refusal.data is not None and refusal.data.code == "organization_not_found", refusal

print("The Python client works.")
