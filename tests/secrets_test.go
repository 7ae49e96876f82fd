package tests

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// TestSecrets looks for the broker's and the result backend's password in everything that the program prints: logs of
// both formats, events, results, metrics, replies to inspect, doctor, report, and errors, with the broker there, away, and
// refusing; and for the keys of buckets that refuse them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const password, encoded = "top/secret+word", "top%2Fsecret%2Bword"
	s := newSite(t, "--requirepass", password)
	url := "redis://:" + encoded + "@" + s.redis.Addr
	s.env = append(s.env, "TEST_BROKER="+url+"/0", "CELERY_RESULT_BACKEND="+url+"/1", "RCLONE_CONFIG="+s.path("rclone.conf"))
	const key = "the-secret-access-key"
	// A service that refuses the keys, and repeats all that it was sent.
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := httputil.DumpRequest(r, true)
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<Error><Code>SignatureDoesNotMatch</Code><Message>%q</Message></Error>", sent)
	}))
	t.Cleanup(service.Close)
	const keys = "access_key_id = K\nsecret_access_key = " + key + "\nsession_token = the-secret-token\n"
	s.write("rclone.conf", "[cloud]\ntype = s3\nprovider = Other\nendpoint = http://127.0.0.1:1\n"+keys+
		"[refused]\ntype = s3\nprovider = Other\nendpoint = "+service.URL+"\nserver_side_encryption = aws:kms\nsse_kms_key_id = the-secret-kms-key\n"+keys+
		"[odd]\ntype = s3\nsse_customer_key = the-secret-customer-key\n"+keys+"[odder]\ntype = s3\nserver_side_encryption = rot13\nforce_path_style = perhaps\n"+keys)
	s.env = append(s.env, "HEALPIPE_OUTPUT_PROFILE=refused", "HEALPIPE_ZARR_PROFILE=refused", "HEALPIPE_OUTPUT_BUCKET=bucket/hpx", "HEALPIPE_ZARR_PATH=bucket/store.zarr")
	clean := func(what, text string) {
		t.Helper()
		for _, secret := range []string{password, encoded, key, "secret+", "secret%", "the-secret"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %q:\n%s", what, secret, text)
				return
			}
		}
		if what != "" && strings.TrimSpace(text) == "" {
			t.Errorf("%s shows nothing", what)
		}
	}
	// said runs a command, whatever its exit status.
	said := func(env []string, args ...string) string {
		t.Helper()
		cmd := s.command(binary, args...)
		cmd.Env = append(cmd.Env, env...)
		out, _ := cmd.CombinedOutput()
		return string(out)
	}

	plain := s.start(s.command(binary, "-A", "tasks", "worker", "-c", "1", "-E", "-n", "plain@host", "--loglevel=debug", "--metrics-addr", "127.0.0.1:0"))
	jsonLog := s.path("worker.json")
	other := s.start(s.command(binary, "-A", "tasks", "worker", "-c", "1", "-E", "-n", "json@host", "--loglevel=debug", "--log-format=json", "--logfile", jsonLog))
	log := func() string {
		text, _ := os.ReadFile(jsonLog)
		return string(text)
	}
	plain.await("ready.")
	testenv.WaitFor(t, time.Minute, "the second worker", func() bool { return strings.Contains(log(), "ready.") })
	events := s.start(s.command(binary, "events", "--dump"))
	events.await("heartbeat")
	s.send("tasks.regrid_file", "ERA5_sfc", []string{"none1.nc", "none2.nc"})
	s.send("tasks.process", "bucket/hpx", []string{"refused1.nc", "refused2.nc"})
	testenv.WaitFor(t, 2*time.Minute, "four tasks to fail", func() bool { return strings.Count(events.output(), "task failed") == 4 })
	if !strings.Contains(plain.output()+log(), "with these credentials (") {
		t.Error("the service has refused nothing")
	}
	resp, err := http.Get(plain.metricsURL(plain.output))
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	clean("/metrics", string(metrics))
	clean("the result backend", testenv.RunPython(t, "import redis, sys\nr = redis.Redis.from_url(sys.argv[1])\nfor k in r.keys('celery-task-meta-*'): print(k, r.get(k))", url+"/1"))
	ask := func(args ...string) []string {
		return append([]string{"inspect", "-t", "60", "-d", "plain@host,json@host"}, args...)
	}
	for _, args := range [][]string{
		ask("conf"), ask("--json", "conf"), ask("stats"), ask("report"), {"report"}, {"status"}, {"result", "none1.nc"}, {"result", "refused1.nc"}, {"list", "bindings"}, {"doctor"}, {"init"}, {"index", "update"}, {"enqueue", "curate"}, {"curate", "bucket/hpx/a.nc"},
	} {
		out := said(nil, args...)
		clean(strings.Join(args, " "), out)
		if args[0] == "inspect" && !strings.Contains(out, "plain@host") {
			t.Errorf("%v: %s", args, out)
		}
	}
	clean("a store behind a service that is away", said([]string{"HEALPIPE_ZARR_PROFILE=cloud", "HEALPIPE_ZARR_PATH=bucket/store.zarr"}, "doctor", "-t", "1"))
	for _, profile := range []string{"odd", "odder", "none"} {
		for _, args := range [][]string{{"doctor", "-t", "1"}, {"init"}} {
			clean("the profile "+profile, said([]string{"HEALPIPE_ZARR_PROFILE=" + profile}, args...))
		}
	}
	wrong := []string{"TEST_BROKER=" + strings.Replace(url, encoded, "another"+encoded, 1) + "/0"}
	clean("a refused inspect", said(wrong, "inspect", "ping"))
	clean("a refused doctor", said(wrong, "doctor", "-t", "2"))

	s.redis.Kill()
	for _, args := range [][]string{
		{"inspect", "ping"}, {"call", "tasks.regrid_file", "--args", `["x"]`}, {"purge", "-f"}, {"result", "none1.nc"}, {"list", "bindings"}, {"doctor", "-t", "1"}, {"enqueue", "regrid"},
	} {
		clean("without a broker, "+strings.Join(args, " "), said(nil, args...))
	}
	late := s.start(s.command(binary, "-A", "tasks", "worker", "-c", "1", "-n", "late@host", "--loglevel=debug"))
	late.await("Cannot connect")
	away := s.start(s.command(binary, "events", "--dump"))
	away.await("Cannot connect")
	plain.await("Connection to broker lost")
	for what, text := range map[string]string{"the log": plain.output(), "the JSON log": log(), "": other.output(), "the log without a broker": late.output(), "events": events.output(), "events without a broker": away.output()} {
		clean(what, text)
	}
	if !strings.Contains(log(), `"state":"FAILURE"`) && !strings.Contains(plain.output(), "raised unexpected") {
		t.Error("no task has failed")
	}
}
