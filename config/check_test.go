package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// healthy is a site without a mistake; each test plants one.
type healthy struct {
	py     map[string]string // settings of config.py, as Python
	rclone string
	env    []string
	dotenv string
	flags  map[string]string
	probe  Probe
	mode   os.FileMode // of config.py, .env and rclone.conf
}

func newSite() *healthy {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &healthy{
		py: map[string]string{
			"TIME_CHUNK": "24", "TIME_RANGE": `pd.date_range("1940", "2100", freq="1h")`, "START_TIME": `pd.Timestamp("1900-01-01")`, "TIME_UNITS": `"minutes since 1900-1-1 0:0:0"`, "LEVELS": "37", "OUTPUT_LEVEL": "6",
			"ERA5_ROOTS": `["archive/sfc", "archive/pl"]`, "ERA5_PROFILE": `"a"`, "OUTPUT_BUCKET": `"out/hpx6"`, "OUTPUT_PROFILE": `"b"`, "ZARR_PATH": `"out/store.zarr"`, "ZARR_PROFILE": `"b"`, "CELERY_BROKER": `"redis://:pw@redis.site:6379/0"`,
		},
		rclone: "[a]\ntype = s3\n\n[b]\ntype = s3\naccess_key_id = K\nsecret_access_key = S\nendpoint = https://s3.site\n",
		mode:   0o600,
		probe: Probe{
			Broker: func(context.Context, string) (BrokerState, error) {
				return BrokerState{Time: now, Version: "7.0.15", Eviction: "noeviction"}, nil
			},
			List:      func(context.Context, string, string) (bool, error) { return true, nil },
			Write:     func(context.Context, string, string) error { return nil },
			DiskFree:  func(string) (int64, error) { return 1 << 40, nil },
			OpenFiles: func() (int64, error) { return 65536, nil },
			Now:       func() time.Time { return now },
			TempDir:   "/tmp", Concurrency: 4,
		},
	}
}

func (h *healthy) check(t *testing.T) []Finding {
	t.Helper()
	code := "import pandas as pd\n"
	for _, s := range Settings() {
		if v, ok := h.py[s.Name]; ok {
			code += s.Name + " = " + v + "\n"
		}
	}
	for name, v := range h.py {
		if lookup(name) == nil || lookup(name).Name != name {
			code += name + " = " + v + "\n"
		}
	}
	dir := site(t, map[string]string{"config.py": code, "rclone.conf": h.rclone, ".env": h.dotenv})
	for _, name := range []string{"config.py", "rclone.conf", ".env"} {
		if err := os.Chmod(filepath.Join(dir, name), h.mode); err != nil {
			t.Fatal(err)
		}
	}
	h.probe.Environ = h.env
	h.probe.Mode = SystemProbe().Mode
	c, err := Load(Options{Dir: dir, Flags: h.flags, Env: environment(append(h.env, "RCLONE_CONFIG="+filepath.Join(dir, "rclone.conf"))...)})
	found := Check(t.Context(), c, err, h.probe)
	for i := range found {
		found[i].Msg = strings.ReplaceAll(found[i].Msg, dir, "DIR")
		found[i].Mend = strings.ReplaceAll(found[i].Mend, dir, "DIR")
	}
	return found
}

func TestHealthySite(t *testing.T) {
	t.Parallel()
	if found := newSite().check(t); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

// TestPlantedMistakes plants one mistake at a time; the first finding must be the one expected, and no
// other error may come from it.
func TestPlantedMistakes(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(*healthy) { return func(h *healthy) { h.py[name] = value } }
	for _, tt := range []struct {
		name  string
		plant func(*healthy)
		want  string
	}{
		{"chunk not positive", set("TIME_CHUNK", "0"), "error: TIME_CHUNK must be at least 1, not 0 (config.py:2:1); write TIME_CHUNK = 24, or set --time-chunk or HEALPIPE_TIME_CHUNK"},
		{"chunk longer than the axis", set("TIME_CHUNK", "10**7"), "error: TIME_CHUNK is 10000000, but the time axis has 1402561 steps only; write a smaller TIME_CHUNK, such as 24"},
		{"chunk across days", set("TIME_CHUNK", "36"), "warning: TIME_CHUNK is 36: chunks cross the borders of daily files, so two tasks write into one chunk; write 24, or a divisor or multiple of a day's steps"},
		{"wrong unit", set("TIME_UNITS", `"hours since 1900-1-1"`), "error: TIME_UNITS counts hours, but the array time counts minutes: readers would see wrong dates; write minutes since the date of START_TIME"},
		{"wrong epoch", set("TIME_UNITS", `"minutes since 1970-1-1"`), "error: TIME_UNITS begins at 1970-01-01, START_TIME at 1900-01-01: readers would see wrong dates; write the same date in both"},
		{"no unit", set("TIME_UNITS", `"minutes"`), `error: TIME_UNITS is no CF unit of time: "minutes"; write "minutes since 1900-1-1 0:0:0"`},
		{"axis of months", set("TIME_RANGE", `pd.date_range("1940", "2100", freq="MS")`), `error: TIME_RANGE the axis has the frequency "MS", whose unit "MS" has no fixed length here, write one in D, h, min or s (config.py:3:27); write freq as "1h", "15min" or "1D", or set --time-range or HEALPIPE_TIME_RANGE`},
		{"axis of three hours", set("TIME_RANGE", `pd.date_range("1940", "2100", freq="3h")`), `warning: TIME_RANGE has steps of 3h0m0s, but the archive is hourly: other hours of a file are refused; write freq="1h"`},
		{"axis backwards", set("TIME_RANGE", `pd.date_range("2100", "1940", freq="1h")`), `error: TIME_RANGE has no step: its end lies before its start (config.py:3:1); write TIME_RANGE = pd.date_range("1940", "2100", freq="1h"), or set --time-range or HEALPIPE_TIME_RANGE`},
		{"epoch after the axis begins", func(h *healthy) { h.py["START_TIME"], h.py["TIME_UNITS"] = `"1950"`, `"minutes since 1950-01-01"` }, "warning: START_TIME is after the start of TIME_RANGE, so that times are negative; write a START_TIME at or before the start of TIME_RANGE"},
		{"level mismatch", set("LEVELS", "27"), "warning: LEVELS is 27, but the archive's files have 37 levels; write LEVELS = 37, unless the files have been cut"},
		{"grid too fine", set("OUTPUT_LEVEL", "9"), "error: OUTPUT_LEVEL is 9, finer than the nside 256 (level 8) that files are interpolated to; write 8 or less"},
		{"missing output", func(h *healthy) { delete(h.py, "OUTPUT_BUCKET") }, `error: OUTPUT_BUCKET is not set; write OUTPUT_BUCKET = "path/to/ERA5_HPX6" in config.py, or set --output-bucket or HEALPIPE_OUTPUT_BUCKET`},
		{"misspelt name", func(h *healthy) { delete(h.py, "LEVELS"); h.py["LEVEL"] = "37" }, "warning: the name LEVEL in config.py is no setting; rename it to LEVELS"},
		{"misspelt variable", func(h *healthy) { h.env = []string{"HEALPIPE_ZAR_PATH=x"} }, "warning: the variable HEALPIPE_ZAR_PATH names no setting; rename it to HEALPIPE_ZARR_PATH"},
		{"the example's path", set("ZARR_PATH", `"path/to/output.zarr"`), "error: ZARR_PATH is still the example's: path/to/output.zarr; write your own path"},
		{"the example's host", set("CELERY_BROKER", `"redis://YOUR_HOSTNAME:6379/0"`), "error: CELERY_BROKER is still the example's: redis://YOUR_HOSTNAME:6379/0; write redis://HOST:6379/0 with your host"},
		{"not Redis", set("CELERY_BROKER", `"amqp://guest@mq/"`), "error: CELERY_BROKER has the scheme amqp://, but only Redis is spoken; write redis://HOST:6379/0"},
		{"no scheme", set("CELERY_BROKER", `"redis.site:6379"`), `error: CELERY_BROKER is no URL: it has no scheme such as redis:// in front (config.py:14:1); write CELERY_BROKER = "redis://HOST:6379/0", or set --broker or CELERY_BROKER_URL`},
		{"database name", set("CELERY_BROKER", `"redis://redis.site/celery"`), `error: CELERY_BROKER names the database "celery", wanted a number; write redis://HOST:6379/0`},
		{"no such profile", set("ERA5_PROFILE", `"c"`), `error: ERA5_PROFILE names the profile "c", but DIR/rclone.conf has no section [c]; add it with type = s3, access_key_id and secret_access_key`},
		{"profile without keys for output", func(h *healthy) { h.py["ZARR_PROFILE"], h.py["OUTPUT_PROFILE"] = `"a"`, `"a"` }, `error: OUTPUT_PROFILE is "a", which has no keys: nothing can be written; add access_key_id and secret_access_key, or env_auth = true`},
		{"profile of another type", func(h *healthy) { h.rclone = strings.Replace(h.rclone, "[a]\ntype = s3", "[a]\ntype = drive", 1) }, "error: ERA5_PROFILE names the profile \"a\": profile: DIR/rclone.conf, section [a] has type = drive, wanted type = s3"},
		{"half a key", func(h *healthy) { h.rclone = strings.Replace(h.rclone, "secret_access_key = S\n", "", 1) }, "error: OUTPUT_PROFILE names the profile \"b\": profile: DIR/rclone.conf, section [b] has only one of access_key_id and secret_access_key; write both, or neither for anonymous access"},
		{"endpoint with bucket", func(h *healthy) { h.rclone = strings.Replace(h.rclone, "s3.site", "s3.site/out", 1) }, `error: OUTPUT_PROFILE is "b", whose endpoint has a path: https://s3.site/out; write the endpoint without a path, and the bucket in front of each key`},
		{"two profiles for one place", set("OUTPUT_PROFILE", `"a"`), `error: OUTPUT_PROFILE is "a", but regridded files are written with ZARR_PROFILE, "b": they would not be found; write the same profile in both`},
		{"local path with a profile", set("ZARR_PATH", `"/data/store.zarr"`), `error: ZARR_PATH looks like a local path, but ZARR_PROFILE is "b": /data/store.zarr; write bucket/key, or an empty ZARR_PROFILE`},
		{"bucket without a profile", set("ERA5_PROFILE", `""`), ""},
		{"foreign scheme", set("ERA5_ROOTS", `["gs://archive"]`), "error: ERA5_ROOTS has a scheme that is not read: gs://archive; write bucket/key and a profile, or a local path"},
		{"output in the input", func(h *healthy) { h.py["ERA5_PROFILE"], h.py["OUTPUT_BUCKET"] = `"b"`, `"archive/sfc/out"` }, "error: OUTPUT_BUCKET lies in the input archive/sfc: regridded files would be taken for input; write a folder of its own"},
		{"store in the output", set("ZARR_PATH", `"s3://out/hpx6/store.zarr"`), "error: ZARR_PATH and OUTPUT_BUCKET lie within each other: s3://out/hpx6/store.zarr and out/hpx6; write a folder of its own for each"},
		{"root twice", set("ERA5_ROOTS", `["archive/pl", "s3://archive/pl/"]`), "warning: ERA5_ROOTS has s3://archive/pl/ twice: its files would be done twice; remove one of them"},
		{"two names, two values", set("OUTPUT_ROOT", `"elsewhere"`), "warning: OUTPUT_BUCKET (OUTPUT_ROOT) differs from OUTPUT_BUCKET, which counts (config.py:15:1); remove one of the two"},
		{"bad flag", func(h *healthy) { h.flags = map[string]string{"LEVELS": "many"} }, `error: LEVELS (--levels) wants a whole number, not "many"; give for example 37`},
		{"readable secrets", func(h *healthy) { h.mode = 0o644 }, "warning: others can read DIR/config.py, which has the password in CELERY_BROKER; run: chmod 600 DIR/config.py"},
		{"stray line in .env", func(h *healthy) { h.dotenv = "what is this\n" }, "warning: the line is no assignment and is skipped (.env:1:1); write NAME=value, with quotes around a value that has spaces or #"},
		{"broker away", func(h *healthy) {
			h.probe.Broker = func(context.Context, string) (BrokerState, error) {
				return BrokerState{}, errors.New("connection refused")
			}
		}, "error: CELERY_BROKER cannot be reached: redis://:********@redis.site:6379/0: connection refused; start Redis there, open its port, or correct the URL"},
		{"wrong password", func(h *healthy) {
			h.probe.Broker = func(context.Context, string) (BrokerState, error) {
				return BrokerState{}, errors.New("WRONGPASS invalid")
			}
		}, "error: CELERY_BROKER cannot be reached: redis://:********@redis.site:6379/0: WRONGPASS invalid; write the password as redis://:PASSWORD@HOST:6379/0"},
		{"clocks apart", func(h *healthy) {
			now := h.probe.Now()
			h.probe.Broker = func(context.Context, string) (BrokerState, error) {
				return BrokerState{Time: now.Add(90 * time.Second)}, nil
			}
		}, "error: CELERY_BROKER and this machine have clocks 1m30s apart: messages would come back too early or too late; let both machines set their clocks by NTP (timedatectl set-ntp true)"},
		{"eviction", func(h *healthy) {
			h.probe.Broker = func(context.Context, string) (BrokerState, error) {
				return BrokerState{Eviction: "allkeys-lru", MaxMemory: 1}, nil
			}
		}, "warning: CELERY_BROKER removes keys when its memory is full (allkeys-lru): tasks would be lost; run: redis-cli config set maxmemory-policy noeviction"},
		{"old Redis", func(h *healthy) {
			h.probe.Broker = func(context.Context, string) (BrokerState, error) { return BrokerState{Version: "3.2.1"}, nil }
		}, "error: CELERY_BROKER has Redis 3.2.1, too old; install Redis 6.2 or later"},
		{"no such input", func(h *healthy) {
			h.probe.List = func(_ context.Context, p, _ string) (bool, error) {
				return p != "archive/pl", missingIf(p == "archive/pl")
			}
		}, "error: ERA5_ROOTS cannot be used: archive/pl: file does not exist; make the folder or bucket, or correct the path"},
		{"empty input", func(h *healthy) {
			h.probe.List = func(_ context.Context, p, _ string) (bool, error) { return p != "archive/pl", nil }
		}, "warning: ERA5_ROOTS has archive/pl, where there are no files; correct the path, or put the archive's files there"},
		{"read-only output", func(h *healthy) {
			h.probe.Write = func(_ context.Context, p, _ string) error {
				return map[bool]error{true: fs.ErrPermission}[p == "out/hpx6"]
			}
		}, "error: OUTPUT_BUCKET cannot be used: out/hpx6: permission denied; give this user, or the keys of ZARR_PROFILE, the right to it"},
		{"little temporary room", func(h *healthy) { h.probe.DiskFree = func(string) (int64, error) { return 1 << 30, nil } }, "warning: the folder for temporary files, /tmp, has 1024 MB left; 4 tasks may need 4800 MB; name a larger disk in TMPDIR, or start fewer tasks at a time (-c)"},
		{"statistics in the store", set("STATISTICS_PATH", `"s3://out/store.zarr/statistics"`), "error: STATISTICS_PATH lies in the store, out/store.zarr: its readers would find foreign files; write a folder beside the store, such as out/store.zarr.statistics"},
		{"read-only statistics", func(h *healthy) {
			h.py["STATISTICS_PATH"] = `"stores/statistics"`
			h.probe.Write = func(_ context.Context, p, _ string) error {
				return map[bool]error{true: fs.ErrPermission}[p == "stores/statistics"]
			}
		}, "error: STATISTICS_PATH cannot be used: stores/statistics: permission denied; give this user, or the keys of ZARR_PROFILE, the right to it"},
		{"too little memory", func(h *healthy) { h.probe.Memory = func() (int64, string) { return 200 << 20, "GOMEMLIMIT" } }, "warning: the memory is limited to 200 MiB (GOMEMLIMIT): tasks with files of 37 levels need 250 MiB and would be refused; raise it to 512 MiB or more"},
		{"memory for some", func(h *healthy) { h.probe.Memory = func() (int64, string) { return 600 << 20, "GOMEMLIMIT" } }, "note: the memory is limited to 600 MiB (GOMEMLIMIT): of 4 tasks with files of 37 levels, 2 fit at a time and the others wait; start with -c 2, or raise the limit"},
		{"memory for all", func(h *healthy) { h.probe.Memory = func() (int64, string) { return 2 << 30, "GOMEMLIMIT" } }, ""},
		{"few open files", func(h *healthy) { h.probe.OpenFiles = func() (int64, error) { return 256, nil } }, "warning: only 256 files may be open at a time; raise it: ulimit -n 65536, or LimitNOFILE= in the unit"},
	} {
		h := newSite()
		tt.plant(h)
		found := h.check(t)
		if tt.want == "" {
			if len(found) > 0 {
				t.Errorf("%s: %v", tt.name, found)
			}
			continue
		}
		if len(found) == 0 || found[0].String() != tt.want {
			t.Errorf("%s:\ngot  %v\nwant %s", tt.name, found, tt.want)
			continue
		}
		for _, f := range found[1:] {
			if f.Severity == Error && !strings.Contains(tt.name, "keys for output") {
				t.Errorf("%s: a second error: %s", tt.name, f)
			}
		}
	}
}

func missingIf(yes bool) error {
	if yes {
		return fs.ErrNotExist
	}
	return nil
}

// TestNothingSet is the doctor in an empty folder: every setting that is needed is named.
func TestNothingSet(t *testing.T) {
	t.Parallel()
	h := newSite()
	maps.DeleteFunc(h.py, func(string, string) bool { return true })
	var got []string
	for _, f := range h.check(t) {
		got = append(got, fmt.Sprint(f.Severity, " ", f.Setting))
	}
	if want := "error ERA5_ROOTS,error OUTPUT_BUCKET,error ZARR_PATH,error CELERY_BROKER"; strings.Join(got, ",") != want {
		t.Errorf("%s", strings.Join(got, ","))
	}
}

func TestSystemProbe(t *testing.T) {
	t.Parallel()
	p := SystemProbe()
	dir := t.TempDir()
	here, err := p.DiskFree(dir)
	if err != nil || here <= 0 {
		t.Errorf("%d %v", here, err)
	}
	if free, err := p.DiskFree(filepath.Join(dir, "not", "yet")); err != nil || free <= 0 {
		t.Errorf("%d %v", free, err)
	}
	if n, err := p.OpenFiles(); err != nil || n < 10 {
		t.Errorf("%d %v", n, err)
	}
	if mode, ok := p.Mode(filepath.Join(dir, "none")); ok || mode != 0 {
		t.Errorf("%o %v", mode, ok)
	}
}
