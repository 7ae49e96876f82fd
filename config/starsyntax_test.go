package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSyntaxErrors are mistakes of writing in the third line of a file: the message has the very place and what to
// write, and the settings of other lines keep their values where the mistake is a statement's own.
func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	const levels, file = "; write LEVELS = 37, or set --levels or HEALPIPE_LEVELS", true
	for _, tt := range []struct {
		line, want string
		whole      bool // the whole file cannot be read
	}{
		{line: "LEVELS = 3 7", want: "3:12: LEVELS 7 cannot follow 3: an operator or a comma is missing" + levels},
		{line: "LEVELS = 3 7  # comment\n\n", want: "3:12: LEVELS 7 cannot follow 3: an operator or a comma is missing" + levels},
		{line: "LEVELS = 0x", want: "3:10: LEVELS 0x is not understood (invalid hex literal)" + levels},
		{line: "LEVELS = 037", want: "3:10: LEVELS 037 is not understood (obsolete form of octal literal; use 0o37)" + levels},
		{line: "LEVELS = 30 +", want: "3:14: LEVELS the line is not complete (want primary expression)" + levels},
		{line: "LEVELS = * 3", want: "3:10: LEVELS * is not expected here (got '*', want primary expression)" + levels},
		{line: "if TIME_CHUNK\n    LEVELS = 37", want: "3:14: the line lacks its colon; write \":\" at its end", whole: file},
		{line: `ERA5_ROOTS = ["a" "b", "c" d]`, want: `3:28: ERA5_ROOTS d cannot follow "c": an operator or a comma is missing; write ERA5_ROOTS = `},
		{line: `TIME_RANGE = pd.date_range("1940", "2100" freq="1h")`, want: `3:43: TIME_RANGE freq cannot follow "2100": an operator or a comma is missing; write TIME_RANGE = `},
		{line: `ZARR_PATH = output.zarr`, want: "3:13: ZARR_PATH the name output is not known here; write ZARR_PATH = "},
		{line: "LEVELS = (37", want: "3:10: the bracket '(' is not closed; write ) where its contents end", whole: file},
		{line: "LEVELS = 37)", want: "3:12: ')' closes no bracket; remove it, or write the bracket that it closes", whole: file},
		{line: `ERA5_ROOTS = ["a", "b]`, want: `3:20: the text is not closed on its line; write " at its end`, whole: file},
		{line: "  LEVELS = 37", want: "3:3: unexpected indentation; remove the white space at the beginning of the line", whole: file},
		{line: "ZARR_PATH = “x”", want: "3:13: unexpected character '“'; write \" instead", whole: file},
		{line: "if True:\nLEVELS = 37", want: "3:1: an indented block is missing; indent what belongs to this line", whole: file},
	} {
		dir := t.TempDir()
		text := "import pandas as pd\nTIME_CHUNK = 48\n" + tt.line + "\nOUTPUT_BUCKET = \"out\"\n"
		if err := os.WriteFile(filepath.Join(dir, "config.py"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Options{Dir: dir, Env: func(string) (string, bool) { return "", false }})
		if err == nil {
			t.Errorf("%s: no error", tt.line)
			continue
		}
		if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.HasPrefix(first, "config.py:"+tt.want) {
			t.Errorf("%s:\ngot  %s\nwant config.py:%s", tt.line, first, tt.want)
		}
		if n := strings.Count(err.Error(), "\n"); n > 0 {
			t.Errorf("%s: %d more errors:\n%v", tt.line, n, err)
		}
		if !tt.whole && (c.TimeChunk != 48 || c.OutputBucket != "out") {
			t.Errorf("%s: other settings are lost: %d %q", tt.line, c.TimeChunk, c.OutputBucket)
		}
	}
}
