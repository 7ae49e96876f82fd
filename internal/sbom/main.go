// Command sbom writes what a Go binary is made of as CycloneDX 1.6 JSON: the modules that the linker has recorded in
// it, with their versions and checksums, and the Go release. It is deterministic: the same binary gives the same bytes.
//
//	sbom [-version V] [-commit HASH] [-o FILE] BINARY
package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
)

func main() {
	version := flag.String("version", "", "version of the program")
	commit := flag.String("commit", "", "commit that it was built from")
	out := flag.String("o", "", "file to write (default: standard output)")
	flag.Parse()
	if err := run(*version, *commit, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(version, commit, out string, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("one binary is wanted, got %d", len(args))
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	sum := sha256.Sum256(binary)
	text, err := json.MarshalIndent(describe(info, version, commit, sum), "", " ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if out == "" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(out, text, 0o644)
}

// The parts of CycloneDX that are written.
type (
	bom struct {
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		SerialNumber string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version,omitempty"`
		PURL       string     `json:"purl,omitempty"`
		Hashes     []hash     `json:"hashes,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
)

// describe makes the document of a binary.
func describe(info *debug.BuildInfo, version, commit string, sum [sha256.Size]byte) bom {
	main := component{
		Type: "application", Ref: "binary", Name: info.Main.Path, Version: cmp.Or(version, info.Main.Version),
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
	}
	if commit != "" {
		main.Properties = append(main.Properties, property{"healpipe:commit", commit})
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "CGO_ENABLED", "-trimpath":
			main.Properties = append(main.Properties, property{"healpipe:build:" + strings.TrimPrefix(s.Key, "-"), s.Value})
		}
	}
	b := bom{Format: "CycloneDX", SpecVersion: "1.6", Version: 1, Metadata: metadata{main}, SerialNumber: "urn:uuid:" + uuid(sum)}
	b.add(component{Type: "library", Name: "std", Version: goVersion(info.GoVersion)})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component{Type: "library", Name: m.Path, Version: m.Version}
		if m.Sum != "" {
			c.Properties = []property{{"healpipe:go:sum", m.Sum}}
		}
		b.add(c)
	}
	all := dependency{Ref: main.Ref}
	for _, c := range b.Components {
		all.DependsOn = append(all.DependsOn, c.Ref)
	}
	b.Dependencies = []dependency{all}
	return b
}

// goVersion is the version of the standard library that advisories know: without the experiments behind it.
func goVersion(v string) string {
	v, _, _ = strings.Cut(v, "-X:")
	return strings.TrimPrefix(v, "go")
}

// add completes a module.
func (b *bom) add(c component) {
	c.PURL = "pkg:golang/" + strings.ReplaceAll(url.PathEscape(c.Name), "%2F", "/") + "@" + url.PathEscape(c.Version)
	c.Ref = c.PURL
	b.Components = append(b.Components, c)
}

// uuid is one of version 8 (made up by its maker) from the binary's checksum.
func uuid(sum [sha256.Size]byte) string {
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
