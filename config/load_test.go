package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// site writes files into a new folder and returns it.
func site(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// environment is a process's environment made of pairs.
func environment(pairs ...string) func(string) (string, bool) {
	m := map[string]string{}
	for _, p := range pairs {
		k, v, _ := strings.Cut(p, "=")
		m[k] = v
	}
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{Dir: t.TempDir(), Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	if c.TimeChunk != 24 || c.Levels != 37 || c.OutputLevel != 6 || c.NSide() != 64 || c.Cells() != 49152 || c.TimeUnits != "minutes since 1900-1-1 0:0:0" {
		t.Errorf("%+v", c)
	}
	if c.TimeRange.N != 1402561 || !c.TimeRange.End().Equal(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("time axis %v, N %d", c.TimeRange, c.TimeRange.N)
	}
	if c.Origin("LEVELS").String() != "default" || c.File != "" {
		t.Errorf("origin %v, file %q", c.Origin("LEVELS"), c.File)
	}
	err = c.Require("ZARR_PATH", "LEVELS", "CELERY_BROKER")
	want := `ZARR_PATH is not set; write ZARR_PATH = "path/to/output.zarr" in config.py, or set --zarr-path or HEALPIPE_ZARR_PATH
CELERY_BROKER is not set; write CELERY_BROKER = "redis://HOST:6379/0" in config.py, or set --broker or CELERY_BROKER_URL`
	if err == nil || err.Error() != want || !errors.Is(err, ErrSetting) {
		t.Errorf("Require: %v", err)
	}
}

func TestTimeRange(t *testing.T) {
	t.Parallel()
	r, err := parseTimeRange("1940/2100/1h")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2024, 2, 29, 5, 0, 0, 0, time.UTC)
	i, ok := r.Index(day)
	if !ok || !r.At(i).Equal(day) {
		t.Errorf("Index(%v) = %d %v", day, i, ok)
	}
	for _, bad := range []time.Time{day.Add(time.Minute), r.Start.Add(-time.Hour), r.End().Add(time.Hour), day.Add(time.Nanosecond)} {
		if _, ok := r.Index(bad); ok {
			t.Errorf("Index(%v) found", bad)
		}
	}
	i0, i1 := r.Locate(r.Start.Add(-time.Hour), r.Start.Add(90*time.Minute))
	if i0 != 0 || i1 != 2 {
		t.Errorf("Locate: %d %d", i0, i1)
	}
	if i0, i1 = r.Locate(r.End(), r.End().AddDate(1, 0, 0)); i0 != r.N-1 || i1 != r.N {
		t.Errorf("Locate at the end: %d %d", i0, i1)
	}
	if s := r.String(); s != "1940-01-01/2100-01-01/1h" {
		t.Error(s)
	}
}

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"redis://host:6379/0":                         "redis://host:6379/0",
		"redis://:pw@host/0":                          "redis://:********@host/0",
		"redis://user:p/w@x@host/0":                   "redis://user:********@host/0",
		"redis://user@host/0":                         "redis://user@host/0",
		"sentinel://:a@h1:1/0;sentinel://:b@h2:1/0":   "sentinel://:********@h1:1/0;sentinel://:********@h2:1/0",
		"redis://h/0?password=x&ssl_ca_certs=/etc/ca": "redis://h/0?password=********&ssl_ca_certs=/etc/ca",
		":pw@host:6379":                               ":********@host:6379",
		"host:6379":                                   "host:6379",
		"":                                            "",
	} {
		if got := MaskURL(in); got != want {
			t.Errorf("MaskURL(%q) = %q, want %q", in, got, want)
		}
	}
}
