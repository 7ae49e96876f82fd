package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzModule feeds config.py texts: no panic, messages of one line with a place in the file.
func FuzzModule(f *testing.F) {
	f.Add(usualConfig)
	f.Add("try:\n  X = [*a, f'{b!r:>{c}}']\nexcept (A, B) as e: X = 1 < 2 < 3 ** 4\nelse: pass\nfinally: Y: int = {1}\n")
	f.Add("class A(object):\n  x: int = 1\nfor i in 'ab':\n  if (n := 3): break\nelse:\n  a, *b, = A().x\ndel b[0]; X = f(*b, k='{:>{w}[a].b}'.format(1, w=2))\nX **= 2\n")
	f.Add("def f(a: int = 3, /, *b, **c) -> str:\n\treturn lambda x, y=2: x % y\nfrom a import (b as c,\n d)\nimport e.f as g; h = i = 1_0\n")
	f.Fuzz(func(t *testing.T, text string) {
		m := runModule(moduleSource{name: "config.py", path: "/site/config.py", text: text, lookup: environment("A=b")})
		faults := m.broken
		for _, v := range m.values {
			if v.fault != nil {
				faults = append(faults, v.fault)
			}
		}
		for _, fault := range faults {
			if fault.Line < 1 || fault.Col < 1 || fault.Line > 1+strings.Count(text, "\n")+strings.Count(text, "\r") {
				t.Fatalf("%q: no place in %+v", text, fault)
			}
		}
	})
}

// FuzzDotEnv feeds .env texts.
func FuzzDotEnv(f *testing.F) {
	f.Add("export A='b' # c\nD=\"e\\n${A:-x}\"\nF\nG = h #i\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, notes := parseDotEnv(".env", text, environment())
		if len(file.entries)+len(notes) > len(text) {
			t.Fatalf("%d entries of %d bytes", len(file.entries), len(text))
		}
	})
}

// FuzzRclone feeds rclone configuration files.
func FuzzRclone(f *testing.F) {
	f.Add(rcloneText)
	f.Add("[a]\ntype=s3\n[a]\nenv_auth = x\n; c\n[b\n= \"\"\"")
	f.Fuzz(func(t *testing.T, text string) {
		name := filepath.Join(t.TempDir(), "rclone.conf")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sections, err := rcloneSections(name)
		if err != nil && !errors.Is(err, ErrProfile) {
			t.Fatal(err)
		}
		for section, keys := range sections {
			p, err := rcloneProfile(name, section, keys)
			if err == nil && p.SecretAccessKey != "" && strings.Contains(p.String(), p.SecretAccessKey) && !strings.Contains(section+p.Endpoint+"[] s3 at AWS", p.SecretAccessKey) {
				t.Fatalf("a secret is printed: %s", p)
			}
		}
	})
}
