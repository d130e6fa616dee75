package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// Claims of the access token of a person, and of a machine token.
type claims struct {
	jwt.RegisteredClaims
	Use         string   `json:"token_use"`
	OrgID       string   `json:"org_id"`
	Permissions []string `json:"permissions"`
	Roles       []string `json:"roles"`
}

// caller is a person or an API key, with what they may do in one organization.
type caller struct {
	OrgID       string   `json:"org_id"`
	Permissions []string `json:"permissions"`
	Active      bool     `json:"active"`
	Kind        string   `json:"kind"`
	Rate        *struct {
		RetryAfterSeconds int `json:"retryAfterSeconds"`
	} `json:"rate"`
}

// gatehouse verifies tokens. Tokens of people and tokens of machine users of the app have separate key sets, which
// keyfunc fetches and caches.
type gatehouse struct {
	people, machines keyfunc.Keyfunc
	parser           *jwt.Parser
	issuer           string
	client           *http.Client
}

// fetching refreshes the keys as often as Gatehouse asks for, so that a revoked key is dropped, and limits how long the
// request with an unknown key waits: a machine token has a key that is unknown among those of people.
var fetching = keyfunc.Override{RefreshInterval: 5 * time.Minute, RateLimitWaitMax: time.Second}

func newGatehouse(ctx context.Context, address, app, audience string) (*gatehouse, error) {
	issuer := address + "/apps/" + app
	people, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{issuer + "/oauth/jwks"}, fetching)
	if err != nil {
		return nil, err
	}
	machines, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{issuer + "/.well-known/jwks.json"}, fetching)
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"ES256"}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
	)
	return &gatehouse{people, machines, parser, issuer, &http.Client{Timeout: 5 * time.Second}}, nil
}

// verify returns nil if another key set signed the token, or if the token is not valid.
func (g *gatehouse) verify(token string, keys keyfunc.Keyfunc) *claims {
	found := &claims{}
	parsed, err := g.parser.ParseWithClaims(token, found, keys.Keyfunc)
	if err != nil || parsed.Header["typ"] != "at+jwt" {
		return nil
	}
	return found
}

// person returns nil if the token is no access token of a person.
func (g *gatehouse) person(token string) *caller {
	found := g.verify(token, g.people)
	if found == nil || found.Use != "user" {
		return nil
	}
	return &caller{OrgID: found.OrgID, Permissions: found.Permissions}
}

// apiKey asks Gatehouse as a machine user with the scope tokens:read. It returns nil if the key is not active.
func (g *gatehouse) apiKey(ctx context.Context, key string) (*caller, error) {
	form := strings.NewReader(url.Values{"token": {key}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.issuer+"/oauth/introspect", form)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"))
	answer, err := g.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("introspection: %s", answer.Status)
	}
	found := &caller{}
	if err := json.NewDecoder(answer.Body).Decode(found); err != nil {
		return nil, err
	}
	if !found.Active || found.Kind != "api_key" {
		return nil, nil
	}
	return found, nil
}

// require lets callers pass who have the permission in the organization of the path, and machine users if machinesPass.
func (g *gatehouse) require(permission string, machinesPass bool, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := g.decide(w, r, permission, machinesPass)
		if status != http.StatusOK {
			http.Error(w, http.StatusText(status), status)
			return
		}
		next(w, r)
	}
}

func (g *gatehouse) decide(w http.ResponseWriter, r *http.Request, permission string, machinesPass bool) int {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return http.StatusUnauthorized
	}
	found := g.person(token)
	if strings.HasPrefix(token, "gh_k_") {
		key, err := g.apiKey(r.Context(), token)
		if err != nil {
			return http.StatusServiceUnavailable
		}
		found = key
	}
	if found != nil {
		switch {
		case found.Rate != nil:
			w.Header().Set("Retry-After", strconv.Itoa(cmp.Or(found.Rate.RetryAfterSeconds, 1)))
			return http.StatusTooManyRequests
		case found.OrgID != r.PathValue("orgId"):
			return http.StatusNotFound
		case !slices.Contains(found.Permissions, permission):
			return http.StatusForbidden
		}
		return http.StatusOK
	}
	machine := g.verify(token, g.machines)
	switch {
	case machine == nil || !slices.Contains(machine.Roles, "GENERIC_MACHINE_USER"):
		return http.StatusUnauthorized
	case !machinesPass:
		return http.StatusForbidden
	}
	return http.StatusOK
}
