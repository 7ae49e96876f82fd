package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// file reads a file of the folder deploy.
func file(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestDockerfile reads the Dockerfile with BuildKit's parser and linter, and looks for what makes the image a static,
// unprivileged one.
func TestDockerfile(t *testing.T) {
	text := file(t, "Dockerfile")
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range tree.Warnings {
		t.Errorf("%s: %s", w.Short, w.Detail)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, description, url, message string, _ []parser.Range) {
		t.Errorf("%s: %s (%s)", rule, message, description)
	}})
	stages, global, err := instructions.Parse(tree.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	if len(global) > 0 || len(stages) != 2 || stages[0].Name != "build" || stages[1].BaseName != "scratch" {
		t.Fatalf("stages: %+v", stages)
	}
	var user, stop string
	var entry, cmd, copied []string
	for _, c := range stages[1].Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.StopSignalCommand:
			stop = c.Signal
		case *instructions.EntrypointCommand:
			if !c.PrependShell { // there is no shell in the image
				entry = c.CmdLine
			}
		case *instructions.CmdCommand:
			if !c.PrependShell {
				cmd = c.CmdLine
			}
		case *instructions.CopyCommand:
			if c.From != "build" {
				t.Errorf("%s comes from %q", c.SourcePaths, c.From)
			}
			copied = append(copied, c.SourcePaths...)
		case *instructions.RunCommand:
			t.Errorf("nothing can run in the image: %s", c)
		}
	}
	if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) || stop != "SIGTERM" || len(entry) != 1 || len(cmd) == 0 || len(copied) != 3 {
		t.Errorf("user %q, stop signal %q, entry point %q, command %q, copies of %q", user, stop, entry, cmd, copied)
	}
	// What goes to the builder is the program's sources: all its packages, and no more.
	ignore := "\n" + string(file(t, "Dockerfile.dockerignore"))
	dirs, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if d.Name() == "tests" || d.Name() == "bench" || !d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			continue
		}
		sources := false
		_ = filepath.WalkDir(filepath.Join("..", "..", d.Name()), func(path string, _ os.DirEntry, err error) error {
			sources = sources || strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
			return err
		})
		if listed := strings.Contains(ignore, "\n!"+d.Name()+"\n"); listed != sources {
			t.Errorf("Dockerfile.dockerignore lets %s in: %v, has sources: %v", d.Name(), listed, sources)
		}
	}
}
