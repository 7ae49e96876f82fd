package deploy

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// TestFirstStage does what the Dockerfile's first stage does, whose base image needs a registry, with the Go of this
// machine: the same commands, in a copy of no more than what the builder is sent.
func TestFirstStage(t *testing.T) {
	tree, err := parser.Parse(bytes.NewReader(file(t, "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	stages, _, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(file(t, "Dockerfile.dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	root, out := filepath.Join("..", ".."), t.TempDir()
	src := filepath.Join(out, "src")
	env := append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	sent := 0
	// copyFrom copies the files that COPY names, those of the whole checkout for ".".
	copyFrom := func(name string) {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			if d.IsDir() {
				if strings.HasPrefix(d.Name(), ".") && rel != "." { // large, and none of it is sent
					return fs.SkipDir
				}
				return nil
			}
			if drop, err := ignored.MatchesOrParentMatches(rel); err != nil || drop || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sent += len(text)
			to := filepath.Join(src, rel)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			return os.WriteFile(to, text, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range stages[0].Commands {
		switch c := c.(type) {
		case *instructions.WorkdirCommand:
			if c.Path != "/src" {
				t.Fatalf("the sources are in %s", c.Path)
			}
		case *instructions.ArgCommand:
			env = append(env, "VERSION=v0-stage", "COMMIT=0123456789abcdef")
		case *instructions.CopyCommand:
			for _, name := range c.SourcePaths {
				copyFrom(name)
			}
		case *instructions.RunCommand:
			cmd := exec.Command("sh", "-c", strings.Replace(strings.Join(c.CmdLine, " "), "-o /healpipe", "-o ../healpipe", 1))
			cmd.Dir, cmd.Env = src, env
			if msg, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", c, err, msg)
			}
		default:
			t.Errorf("this test does not do %s", c)
		}
	}
	got, err := exec.Command(filepath.Join(out, "healpipe"), "version").CombinedOutput()
	if want := "healpipe v0-stage (commit 0123456789abcdef, "; err != nil || !strings.HasPrefix(string(got), want) {
		t.Errorf("%v: %s, want %s...", err, got, want)
	}
	if sent > 20<<20 {
		t.Errorf("%d bytes are sent to the builder", sent)
	}
}
