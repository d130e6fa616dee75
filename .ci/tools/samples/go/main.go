package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
)

/* SAMPLE */

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64*1024)
	for lines.Scan() {
		if _, err := verifyPerson(context.Background(), lines.Text()); err != nil {
			fmt.Println("refused")
		} else {
			fmt.Println("accepted")
		}
	}
}
