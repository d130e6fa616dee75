// Uses the client that was generated for Go, as a program of a customer would.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

var token string

// present sets what the document calls security schemes: the app, and the credential once there is one.
func present(_ context.Context, request *http.Request) error {
	request.Header.Set("X-App-Name", os.Getenv("GATEHOUSE_APP"))
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return nil
}

func check(err error, isAsExpected bool, answer any) {
	if err != nil {
		log.Fatal(err)
	}
	if !isAsExpected {
		log.Fatalf("unexpected answer: %+v", answer)
	}
}

func main() {
	ctx := context.Background()
	client, err := NewClientWithResponses(os.Getenv("GATEHOUSE_URL"), WithRequestEditorFn(present))
	check(err, true, nil)

	password := os.Getenv("GATEHOUSE_PASSWORD")
	started, err := client.SignInWithResponse(ctx, nil, SignInJSONRequestBody{
		Email: os.Getenv("GATEHOUSE_EMAIL"), Password: &password,
	})
	check(err, started != nil && started.JSON201 != nil, started)
	token = started.JSON201.SessionToken

	made, err := client.SetupOrganizationWithResponse(ctx, nil, SetupOrganizationJSONRequestBody{
		OrgName: "Go", AdminFirstName: "Ada", AdminLastName: "Byron", AdminEmail: "ada@example.com",
	})
	check(err, made != nil && made.JSON201 != nil, made)
	orgID := made.JSON201.OrgId

	pro := "pro"
	changed, err := client.UpdateOrganizationWithResponse(ctx, orgID, nil, UpdateOrganizationJSONRequestBody{
		Metadata: &map[string]*string{"plan": &pro, "unused": nil},
	})
	check(err, changed != nil && changed.JSON200 != nil, changed)

	withMetadata := true
	found, err := client.GetOrganizationWithResponse(ctx, orgID, &GetOrganizationParams{IncludeMetadata: &withMetadata})
	check(err, found != nil && found.JSON200 != nil && (*found.JSON200.Metadata)["plan"] == "pro", found)

	since := time.Now().Add(-time.Hour)
	audit, err := client.ListAuditEventsWithResponse(ctx, &ListAuditEventsParams{PageSize: 100, From: &since})
	check(err, audit != nil && audit.JSON200 != nil && len(audit.JSON200.Events) > 0, audit)

	refused, err := client.GetOrganizationWithResponse(ctx, "1", nil)
	check(err, refused != nil && refused.StatusCode() == http.StatusNotFound &&
		refused.ApplicationproblemJSON404.Code == "organization_not_found", refused)

	fmt.Println("The Go client works.")
}
