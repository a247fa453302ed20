// Command parse reads a compose file or a Dockerfile as Docker's own tools do, refuses what they would refuse, and prints
// what it found as JSON: `parse compose FILE`, `parse dockerfile FILE`.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: parse compose|dockerfile FILE"))
	}
	read := map[string]func(string) (any, error){"compose": compose, "dockerfile": dockerfile}[os.Args[1]]
	if read == nil {
		fail(fmt.Errorf("found %q, allowed: compose, dockerfile", os.Args[1]))
	}
	found, err := read(os.Args[2])
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}

// compose loads the file against the compose specification: schema, interpolation with defaults, references.
func compose(path string) (any, error) {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithProfiles([]string{"*"}))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

type instruction struct {
	Name   string   `json:"name"`
	Text   string   `json:"text"`
	Values []string `json:"values,omitempty"`
}

type stage struct {
	Name         string        `json:"name"`
	Base         string        `json:"base"`
	Instructions []instruction `json:"instructions"`
}

// dockerfile parses the file as BuildKit does; what BuildKit's linter warns of is an error.
func dockerfile(path string) (any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, err
	}
	var warnings []string
	warn := func(rule, _, _, message string, _ []parser.Range) { warnings = append(warnings, rule+": "+message) }
	stages, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		return nil, err
	}
	if len(warnings) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(warnings, "; "))
	}
	var found []stage
	for _, s := range stages {
		found = append(found, stage{s.Name, s.BaseName, list(s.Commands)})
	}
	return found, nil
}

func list(commands []instructions.Command) []instruction {
	var found []instruction
	for _, command := range commands {
		one := instruction{Name: command.Name(), Text: fmt.Sprint(command)}
		switch c := command.(type) {
		case *instructions.UserCommand:
			one.Values = []string{c.User}
		case *instructions.HealthCheckCommand:
			one.Values = c.Health.Test
		case *instructions.EnvCommand:
			for _, pair := range c.Env {
				one.Values = append(one.Values, pair.Key+"="+pair.Value)
			}
		case *instructions.RunCommand:
			one.Values = c.CmdLine
		}
		found = append(found, one)
	}
	return found
}
