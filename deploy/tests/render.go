// Renders a template as Vault Agent does, with Go's own engine and the settings agent.hcl asks for: what Vault answers
// stands on standard input, by path.
//
//	render TEMPLATE <answers.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// What a template sees of an answer.
type answer struct {
	Data map[string]interface{} `json:"data"`
}

func main() {
	answers := map[string]*answer{}
	check(json.NewDecoder(os.Stdin).Decode(&answers))
	secret := func(path string) (*answer, error) {
		// Vault Agent waits for what is not there and leaves the file alone.
		if found := answers[path]; found != nil && found.Data["data"] != nil {
			return found, nil
		}
		return nil, fmt.Errorf("no secret exists at %s", path)
	}
	functions := template.FuncMap{"secret": secret, "env": os.Getenv}
	engine := template.New(filepath.Base(os.Args[1])).Funcs(functions).Option("missingkey=error")
	check(template.Must(engine.ParseFiles(os.Args[1])).Execute(os.Stdout, nil))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
