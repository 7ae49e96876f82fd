package config

import (
	"os"
	"slices"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// TestDocumented keeps docs/configuration.md and the sample config.py complete.
func TestDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(testenv.Path("docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Settings() {
		row := ""
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "| `"+s.Name+"`") {
				row = line
			}
		}
		for _, want := range slices.Concat([]string{s.Name, "--" + s.Flag, s.Default}, s.Aliases, s.Env) {
			if !strings.Contains(row, want) {
				t.Errorf("docs/configuration.md: the row of %s lacks %q", s.Name, want)
			}
		}
	}
}

// TestSample reads the sample without a fault and with the contract's values.
func TestSample(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{Dir: testenv.Path("scripts"), Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"TIME_CHUNK": "24", "TIME_RANGE": "1940-01-01/2100-01-01/1h (1402561 steps)", "START_TIME": "1900-01-01", "TIME_UNITS": "minutes since 1900-1-1 0:0:0", "LEVELS": "37", "OUTPUT_LEVEL": "6",
		"ERA5_ROOTS": "ERA5_sfc,ERA5_pl,ERA5_1h_acc_precip", "OUTPUT_BUCKET": "path/to/ERA5_HPX6", "ZARR_PATH": "path/to/output.zarr", "CELERY_BROKER": "redis://localhost:6379/0",
	} {
		if got := c.Show(name); got != want || c.Origin(name).Kind != FromFile {
			t.Errorf("%s: %q from %s, want %q", name, got, c.Origin(name), want)
		}
	}
}
