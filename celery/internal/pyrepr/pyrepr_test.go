package pyrepr_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
	"healpipe/internal/testenv"
)

const script = `
import json, sys
from celery.utils.saferepr import saferepr
from kombu.utils.json import loads
for line in open(sys.argv[1]):
    v = loads(line)
    print(json.dumps([repr(v), saferepr(v, maxlen=1024), saferepr(v, maxlen=20), saferepr(tuple(v) if isinstance(v, list) else v)]))
`

// TestAgainstPython compares repr and Celery's saferepr on random values with Python's own.
func TestAgainstPython(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var values []any
	var lines []string
	for range 400 {
		v := random(rng, 0)
		raw, err := kombu.EncodeJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		values, lines = append(values, v), append(lines, string(raw))
	}
	for _, typed := range [][2]string{
		{"datetime", "2020-01-02T03:04:05"}, {"datetime", "2020-01-02T03:04:00"}, {"datetime", "2020-01-02T03:04:05.678901+00:00"},
		{"datetime", "2020-01-02T03:04:00.000001+02:30"}, {"datetime", "2020-01-02T00:00:00-05:00"}, {"date", "2020-01-02"},
		{"time", "01:02:03"}, {"time", "00:00:00"}, {"time", "01:02:03.000400"}, {"time", "01:02:03+05:30"}, {"time", "23:00:00+00:00"},
		{"decimal", "1.10"}, {"decimal", "NaN"}, {"decimal", "1E+20"}, {"decimal", "-Infinity"},
	} {
		lines = append(lines, fmt.Sprintf(`[{"__type__": %q, "__value__": %q}]`, typed[0], typed[1]))
	}
	lines = append(lines, `{"k": {"__type__": "uuid", "__value__": {"hex": "05b16a0146c656ddbd6ec6dfb4a1427a"}}}`,
		`{"__type__": "uuid", "__value__": {"hex": "05b16a0146c656ddbd6ec6dfb4a1427a"}}`, `{"__type__": "date", "__value__": "2020-01-02"}`)
	for _, line := range lines[len(values):] {
		v, err := kombu.DecodeJSON([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	in := t.TempDir() + "/values"
	writeFile(t, in, strings.Join(lines, "\n")+"\n")
	out := strings.Split(strings.TrimSpace(testenv.RunPython(t, script, in)), "\n")
	for i, line := range out {
		var want []string
		if err := json.Unmarshal([]byte(line), &want); err != nil {
			t.Fatal(err)
		}
		v := values[i]
		tuple := v
		if l, ok := v.([]any); ok {
			tuple = pyrepr.Tuple(l)
		}
		for j, got := range []string{pyrepr.Repr(v), pyrepr.Safe(v, 1024), pyrepr.Safe(v, 20), pyrepr.Safe(tuple, 0)} {
			if got != want[j] {
				t.Errorf("value %s, form %d:\n got %s\nwant %s", lines[i], j, got, want[j])
			}
		}
	}
}

// random makes a value; dictionaries have one key, since Go's have no order.
func random(r *rand.Rand, depth int) any {
	kinds := 8
	if depth > 4 {
		kinds = 6
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return r.Int64() >> r.IntN(64)
	case 3:
		return (r.Float64() - 0.5) * []float64{1, 1e-7, 1e5, 1e22}[r.IntN(4)]
	case 4, 5:
		words := []string{"plain", "it's", `"both' `, "tab\t", "é", "a b c d e f g h i j", "\u200b", "\x01", "日本"}
		return words[r.IntN(len(words))] + words[r.IntN(len(words))]
	case 6:
		l := []any{}
		for range r.IntN(4) {
			l = append(l, random(r, depth+1))
		}
		return l
	}
	return map[string]any{fmt.Sprint("k", r.IntN(9)): random(r, depth+1)}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
