// Documents of organizations: people and API keys need a permission there, machine users of the app may read.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
)

var (
	mutex     sync.Mutex
	documents = map[string][]string{}
)

func send(w http.ResponseWriter, list []string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(append([]string{}, list...))
}

func read(w http.ResponseWriter, r *http.Request) {
	mutex.Lock()
	defer mutex.Unlock()
	send(w, documents[r.PathValue("orgId")])
}

func write(w http.ResponseWriter, r *http.Request) {
	mutex.Lock()
	defer mutex.Unlock()
	orgID := r.PathValue("orgId")
	documents[orgID] = append(documents[orgID], fmt.Sprintf("document %d", len(documents[orgID])+1))
	send(w, documents[orgID])
}

func main() {
	url := cmp.Or(os.Getenv("GATEHOUSE_URL"), "http://localhost:3000")
	g, err := newGatehouse(context.Background(), url, "demo", "https://api.example.com")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /organizations/{orgId}/documents", g.require("documents:read", true, read))
	http.HandleFunc("POST /organizations/{orgId}/documents", g.require("documents:write", false, write))
	address := "127.0.0.1:" + cmp.Or(os.Getenv("PORT"), "4000")
	fmt.Printf("The server listens on http://%s\n", address)
	log.Fatal(http.ListenAndServe(address, nil))
}
