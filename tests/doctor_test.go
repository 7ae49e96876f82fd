package tests

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"healpipe/internal/s3test"
	"healpipe/internal/testenv"
)

// doctor runs `healpipe doctor` in the site and returns what it printed and its exit status. What the machine
// is like (disks, limits) is no mistake of a site, so TMPDIR and the limit are the test's.
func (s *site) doctor(env []string, args ...string) (string, int) {
	s.t.Helper()
	words := append([]string{"-c", `ulimit -n 4096; exec "$0" "$@" doctor -c 1 -t 5`, binary}, args...)
	cmd := s.command("sh", words...)
	cmd.Env = append(append(cmd.Env, "RCLONE_CONFIG="+s.path("rclone.conf")), env...)
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// healthySite is a site in which doctor finds nothing: a file in each input folder, secrets for the owner only.
func healthySite(t *testing.T) *site {
	s := newSite(t)
	for _, dir := range []string{"ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip"} {
		s.write(dir+"/file.nc", "")
	}
	s.write("rclone.conf", "")
	return s
}

// edit replaces text in config.py; the old text must be there.
func (s *site) edit(old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(s.path("config.py"))
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("config.py has no %q", old)
	}
	s.write("config.py", strings.Replace(string(text), old, new, 1))
}

func TestDoctorHealthy(t *testing.T) {
	t.Parallel()
	s := healthySite(t)
	out, code := s.doctor([]string{"HEALPIPE_LEVELS=37", "CELERY_RESULT_BACKEND=" + s.redis.URL(1)}, "--time-chunk", "24")
	if code != 0 || strings.Contains(out, "error: ") {
		t.Fatalf("a healthy site: status %d\n%s", code, out)
	}
	for _, want := range []string{"--time-chunk", "HEALPIPE_LEVELS", "config.py:", "CELERY_RESULT_BACKEND", s.redis.URL(0)} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	// Nothing of the probes is left, and no folder was made.
	if names, err := os.ReadDir(s.path("ERA5_HPX6")); err != nil || len(names) != 0 {
		t.Errorf("OUTPUT_BUCKET holds %v, %v", names, err)
	}
	if _, err := os.Stat(s.path("output.zarr")); !os.IsNotExist(err) {
		t.Errorf("output.zarr: %v", err)
	}
}

// TestDoctorMistakes plants one mistake in a healthy site at a time.
func TestDoctorMistakes(t *testing.T) {
	t.Parallel()
	protected := testenv.StartRedis(t, "--requirepass", "the-secret")
	service := s3test.Start(t, "era5", "hpx")
	withPassword := "redis://:the-secret@" + protected.Addr + "/0"
	for _, tt := range []struct {
		name  string
		plant func(s *site) (env []string)
		want  []string // a finding with all of it, and its mend
		mild  bool     // a warning: status 0
	}{
		{name: "the broker is away", plant: func(s *site) []string { s.redis.Kill(); return nil },
			want: []string{"error: CELERY_BROKER cannot be reached", "connection refused", "mend: start Redis"}},
		{name: "no password", plant: func(s *site) []string { return []string{"CELERY_BROKER_URL=" + protected.URL(0)} },
			want: []string{"error: CELERY_BROKER cannot be reached", "mend: write the password"}},
		{name: "wrong password", plant: func(s *site) []string {
			return []string{"CELERY_BROKER_URL=" + strings.Replace(withPassword, "the-secret", "the-secreT", 1)}
		}, want: []string{"error: CELERY_BROKER cannot be reached", "redis://:**", "mend: write the password"}},
		{name: "the backend is away", plant: func(s *site) []string { return []string{"CELERY_RESULT_BACKEND=redis://127.0.0.1:1/0"} },
			want: []string{"error: RESULT_BACKEND cannot be reached", "mend: start Redis"}},
		{name: "a broker that forgets", plant: func(s *site) []string {
			testenv.RunPython(s.t, "import redis,sys\nr=redis.Redis.from_url(sys.argv[1])\nr.config_set('maxmemory', 10**9)\nr.config_set('maxmemory-policy', 'allkeys-lru')", s.redis.URL(0))
			return nil
		}, want: []string{"warning: CELERY_BROKER removes keys when its memory is full (allkeys-lru)", "mend: run: redis-cli config set maxmemory-policy noeviction"}, mild: true},
		{name: "an input folder that is not there", plant: func(s *site) []string { s.edit(`"ERA5_pl"`, `"ERA5_lp"`); return nil },
			want: []string{"error: ERA5_ROOTS cannot be used: ERA5_lp", "mend: make the folder or bucket, or correct the path"}},
		{name: "an empty input folder", plant: func(s *site) []string { _ = os.Remove(s.path("ERA5_pl/file.nc")); return nil },
			want: []string{"warning: ERA5_ROOTS has ERA5_pl, where there are no files", "mend: "}, mild: true},
		{name: "a file where the store should be", plant: func(s *site) []string { s.write("output.zarr", "x"); return nil },
			want: []string{"error: ZARR_PATH cannot be used: output.zarr", "mend: "}},
		{name: "the output in the input", plant: func(s *site) []string { s.edit(`"ERA5_HPX6"`, `"ERA5_sfc/hpx"`); return nil },
			want: []string{"error: OUTPUT_BUCKET lies in the input ERA5_sfc", "mend: write a folder of its own"}},
		{name: "a profile that is not there", plant: func(s *site) []string { s.edit(`ERA5_PROFILE = ""`, `ERA5_PROFILE = "osn"`); return nil },
			want: []string{`error: ERA5_PROFILE names the profile "osn"`, "mend: add it with type = s3"}},
		{name: "another service for the store", plant: func(s *site) []string {
			s.write("rclone.conf", "[s3]\ntype = s3\nprovider = Other\naccess_key_id = K\nsecret_access_key = the-secret\nendpoint = http://127.0.0.1:1\n")
			s.edit(`ZARR_PATH = "output.zarr"`, `ZARR_PATH = "bucket/output.zarr"`)
			s.edit(`ZARR_PROFILE = ""`, `ZARR_PROFILE = "s3"`)
			s.edit(`OUTPUT_PROFILE = ""`, `OUTPUT_PROFILE = "s3"`)
			return nil
		}, want: []string{"error: ZARR_PATH cannot be used: bucket/output.zarr", "connection refused", "mend: correct the path or ZARR_PROFILE"}},
		{name: "two profiles for the output", plant: func(s *site) []string {
			s.write("rclone.conf", "[s3]\ntype = s3\naccess_key_id = K\nsecret_access_key = the-secret\nendpoint = http://127.0.0.1:1\n")
			s.edit(`OUTPUT_PROFILE = ""`, `OUTPUT_PROFILE = "s3"`)
			return nil
		}, want: []string{`error: OUTPUT_PROFILE is "s3", but regridded files are written with ZARR_PROFILE`, "mend: write the same profile in both"}},
		{name: "a mistake in Python", plant: func(s *site) []string { s.edit(`LEVELS = 37`, `LEVELS = levels`); return nil },
			want: []string{"error: LEVELS ", "config.py:8", "mend: write LEVELS = 37"}},
		{name: "dates that do not agree", plant: func(s *site) []string { s.edit("minutes since 1900-1-1", "minutes since 1970-1-1"); return nil },
			want: []string{"error: TIME_UNITS begins at 1970-01-01, START_TIME at 1900-01-01", "mend: write the same date in both"}},
		{name: "a misspelt variable", plant: func(s *site) []string { return []string{"HEALPIPE_ZAR_PATH=x"} },
			want: []string{"warning: the variable HEALPIPE_ZAR_PATH names no setting", "mend: rename it to HEALPIPE_ZARR_PATH"}, mild: true},
		{name: "a secret for all to read", plant: func(s *site) []string {
			s.write(".env", "CELERY_BROKER_URL="+withPassword+"\n")
			if err := os.Chmod(s.path(".env"), 0o644); err != nil {
				s.t.Fatal(err)
			}
			return nil
		}, want: []string{"warning: others can read", ".env", "mend: run: chmod 600"}, mild: true},
		{name: "a word too many", plant: func(s *site) []string { s.edit("LEVELS = 37", "LEVELS = 3 7"); return nil },
			want: []string{"error: LEVELS 7 cannot follow 3: an operator or a comma is missing (config.py:8:12)", "mend: write LEVELS = 37, or set --levels or HEALPIPE_LEVELS"}},
		{name: "an open bracket", plant: func(s *site) []string { s.edit(`"ERA5_1h_acc_precip"]`, `"ERA5_1h_acc_precip"`); return nil },
			want: []string{"error: the bracket '[' is not closed (config.py:10:14)", "mend: write ] where its contents end"}},
		{name: "typographic quotes", plant: func(s *site) []string { s.edit(`"output.zarr"`, "“output.zarr”"); return nil },
			want: []string{"error: unexpected character '“' (config.py:15:13)", `mend: write " instead`}},
		{name: "a word for a number", plant: func(s *site) []string { s.edit("TIME_CHUNK = 24", `TIME_CHUNK = "day"`); return nil },
			want: []string{`error: TIME_CHUNK wants a whole number, not "day" (config.py:4:1)`, "mend: write TIME_CHUNK = 24"}},
		{name: "calendar months", plant: func(s *site) []string { s.edit(`freq="1h"`, `freq="1MS"`); return nil },
			want: []string{`error: TIME_RANGE the axis has the frequency "1MS"`, "(config.py:5:27)", `mend: write freq as "1h", "15min" or "1D"`}},
		{name: "another broker", plant: func(s *site) []string { return []string{"CELERY_BROKER_URL=amqp://guest@localhost//"} },
			want: []string{"error: CELERY_BROKER has the scheme amqp://, but only Redis is spoken", "mend: write redis://HOST:6379/0"}},
		{name: "the statistics on a file", plant: func(s *site) []string {
			s.write("statistics", "x")
			return []string{"HEALPIPE_STATISTICS_PATH=statistics"}
		}, want: []string{"error: STATISTICS_PATH cannot be used: statistics", "mend: "}},
		{name: "the statistics in the store", plant: func(s *site) []string { return []string{"HEALPIPE_STATISTICS_PATH=output.zarr/statistics"} },
			want: []string{"error: STATISTICS_PATH lies in the store, output.zarr", "mend: write a folder beside the store, such as output.zarr.statistics"}},
		{name: "an encrypted rclone.conf", plant: func(s *site) []string {
			s.write("rclone.conf", "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nXIkAr3p+y+zai82cHFH8UoW1y1XTAns3h3g=\n")
			s.edit(`ERA5_PROFILE = ""`, `ERA5_PROFILE = "archive"`)
			return nil
		}, want: []string{`error: ERA5_PROFILE names the profile "archive"`, "is encrypted; write a copy without a password"}},
		{name: "a profile of another kind", plant: func(s *site) []string {
			s.write("rclone.conf", "[archive]\ntype = drive\n")
			s.edit(`ERA5_PROFILE = ""`, `ERA5_PROFILE = "archive"`)
			return nil
		}, want: []string{`error: ERA5_PROFILE names the profile "archive"`, "has type = drive, wanted type = s3"}},
		{name: "keys that the service refuses", plant: func(s *site) []string {
			s.write("rclone.conf", fmt.Sprintf(rcloneProfile, "archive", service.Endpoint, s3test.Region, s3test.AccessKey, "the-secret-of-another"))
			s.edit(`ERA5_PROFILE = ""`, `ERA5_PROFILE = "archive"`)
			s.edit(`["ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip"]`, `["era5/sfc"]`)
			return nil
		}, want: []string{"error: ERA5_ROOTS cannot be used: era5/sfc", "the service refuses the credentials", "mend: give this user, or the keys of ERA5_PROFILE, the right to it"}},
		{name: "a bucket that is not there", plant: func(s *site) []string {
			s.write("rclone.conf", fmt.Sprintf(rcloneProfile, "cloud", service.Endpoint, s3test.Region, s3test.AccessKey, s3test.SecretKey))
			for _, name := range []string{"OUTPUT_PROFILE", "ZARR_PROFILE"} {
				s.edit(name+` = ""`, name+` = "cloud"`)
			}
			s.edit(`"ERA5_HPX6"`, `"hpx/ERA5_HPX6"`)
			s.edit(`"output.zarr"`, `"nowhere/output.zarr"`)
			return nil
		}, want: []string{"error: ZARR_PATH cannot be used: nowhere/output.zarr", "no bucket of that name", "mend: make the folder or bucket, or correct the path"}},
		{name: "too little memory", plant: func(s *site) []string { return []string{"GOMEMLIMIT=128MiB"} },
			want: []string{"warning: the memory is limited to 128 MiB (GOMEMLIMIT)", "mend: raise it to 512 MiB or more"}, mild: true},
		{name: "nothing at all", plant: func(s *site) []string { s.write("config.py", ""); return nil },
			want: []string{"error: ERA5_ROOTS is not set", "error: CELERY_BROKER is not set", "mend: write CELERY_BROKER = "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := healthySite(t)
			env := tt.plant(s)
			out, code := s.doctor(env)
			if mild := code == 0; mild != tt.mild || code > 1 {
				t.Errorf("status %d", code)
			}
			rest := out
			for _, want := range tt.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("%q is missing, or not where it should be, in\n%s", want, out)
					break
				}
				rest = after
			}
			if strings.Contains(strings.ToLower(out), "the-secret") {
				t.Errorf("a password is printed:\n%s", out)
			}
			if n := strings.Count(out, "\nerror: "); !tt.mild && tt.name != "nothing at all" && n > 2 || tt.mild && n > 0 {
				t.Errorf("%d errors for one mistake:\n%s", n, out)
			}
		})
	}
}
