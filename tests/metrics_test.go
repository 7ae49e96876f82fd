package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"healpipe/internal/s3test"
	"healpipe/internal/testenv"
	"healpipe/storage"
)

var metricsAddress = regexp.MustCompile(`metrics are served at (http://[^"\s]+)`)

// metricsURL is where a worker that was started with --metrics-addr serves them.
func (p *process) metricsURL(log func() string) string {
	p.t.Helper()
	var m []string
	testenv.WaitFor(p.t, time.Minute, "the address of the metrics", func() bool {
		m = metricsAddress.FindStringSubmatch(log())
		return m != nil
	})
	return m[1]
}

// scrape reads metrics, which have to pass Prometheus' linter: "name{labels}" -> value, the labels in the order of their names as they are exported.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		t.Fatalf("Prometheus does not read this: %v\n%s", err, text)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	out := map[string]float64{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, ok := cutLastSpace(lines.Text())
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		out[name] = v
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func cutLastSpace(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// fileSize of a file that must be there.
func fileSize(t *testing.T, path string) float64 {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return float64(fi.Size())
}

// behindProxy moves the site's input into a bucket behind a proxy that can harm the requests.
func (s *site) behindProxy() (*s3test.Proxy, storage.Storage) {
	s.t.Helper()
	proxy := s3test.StartProxy(s.t, s3test.Start(s.t, "era5"))
	s.write("rclone.conf", fmt.Sprintf("[archive]\ntype = s3\nprovider = Other\nendpoint = %s\nregion = %s\n", proxy.Endpoint, s3test.Region))
	s.env = append(s.env, "RCLONE_CONFIG="+s.path("rclone.conf"), "HEALPIPE_ERA5_PROFILE=archive", "HEALPIPE_ERA5_ROOTS=era5")
	client, err := storage.NewS3Client(storage.S3Options{Endpoint: proxy.Endpoint, Region: s3test.Region, Anonymous: true})
	if err != nil {
		s.t.Fatal(err)
	}
	bucket, err := client.Bucket("era5", "")
	if err != nil {
		s.t.Fatal(err)
	}
	return proxy, bucket
}

// TestMetrics scrapes a worker whose messages come back from one that was stopped, whose input is a bucket that answers
// 503 at first, whose second task fails, and whose broker starts anew; and reads its log, which is JSON. The values
// must be those of what was done. Every metric of the Grafana dashboard must be among them.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--requirepass", "hunter-2")
	broker := "redis://:hunter-2@" + s.redis.Addr + "/0"
	s.env = append(s.env, "TEST_BROKER="+broker)
	proxy, bucket := s.behindProxy()
	input := dayFile(t, "sfc", "2t", 0)
	data, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	name := dayName("e5.oper.an.sfc.128_167_2t.ll025sc", 0)
	if _, err := bucket.Put(t.Context(), name, data, storage.Condition{}); err != nil {
		t.Fatal(err)
	}

	// The first worker hangs in its task: the connection is silent. It is stopped, and both messages come back.
	held := make(chan struct{}, 16)
	proxy.Harm(func(r *http.Request) s3test.Fault {
		if r.Method == http.MethodGet {
			held <- struct{}{}
			return s3test.Fault{Cut: 1, Stall: true}
		}
		return s3test.Fault{}
	})
	first := s.worker("-c", "1", "-n", "first@host")
	s.send("tasks.regrid_file", "era5", []string{name, "none.nc"})
	<-held
	testenv.WaitFor(t, time.Minute, "the second message to be reserved", func() bool { return strings.Count(first.output(), "received") == 2 })
	_ = first.cmd.Process.Signal(syscall.SIGQUIT)
	<-first.done
	first.done <- nil

	// The second one meets a 503.
	harmed := 0
	proxy.Harm(func(r *http.Request) s3test.Fault {
		if r.Method == http.MethodGet && harmed < 2 {
			harmed++
			return s3test.Fault{Status: 503}
		}
		return s3test.Fault{}
	})
	logfile := s.path("worker-%n.log")
	worker := s.start(s.command(binary, "-A", "tasks", "worker", "-c", "1", "-E", "-n", "second@host", "--loglevel=info",
		"--log-format", "json", "--logfile", logfile, "--metrics-addr", "127.0.0.1:0"))
	log := func() string {
		text, _ := os.ReadFile(s.path("worker-second.log"))
		return string(text)
	}
	awaitLog := func(text string) {
		t.Helper()
		testenv.WaitFor(t, 2*time.Minute, "the log line "+text, func() bool { return strings.Contains(log(), text) })
	}
	url := worker.metricsURL(log)
	awaitLog("raised unexpected")
	awaitLog("succeeded in")
	s.healpipe("index", "update")
	s.healpipe("init")
	s.send("tasks.process", "ERA5_HPX6", []string{name})
	testenv.WaitFor(t, 2*time.Minute, "the file to be in the store", func() bool { return strings.Count(log(), "succeeded in") == 2 })

	// The broker starts anew, and its connections come back.
	s.redis.Kill()
	testenv.WaitFor(t, time.Minute, "the worker to miss the broker", func() bool { return scrape(t, url)["healpipe_broker_up"] == 0 })
	s.redis.Start()
	var m map[string]float64
	testenv.WaitFor(t, 2*time.Minute, "the worker to be back", func() bool {
		m = scrape(t, url)
		return m["healpipe_broker_reconnects_total"] > 0 && m["healpipe_broker_up"] == 1
	})
	regridded := fileSize(t, s.path("ERA5_HPX6", name))
	for name, want := range map[string]float64{
		`healpipe_tasks_total{state="SUCCESS",task="tasks.regrid_file"}`: 1,
		`healpipe_tasks_total{state="FAILURE",task="tasks.regrid_file"}`: 1,
		`healpipe_tasks_total{state="SUCCESS",task="tasks.process"}`:     1,
		`healpipe_tasks_total{state="FAILURE",task="tasks.process"}`:     0,
		`healpipe_task_seconds_count{task="tasks.regrid_file"}`:          2,
		`healpipe_task_seconds_count{task="tasks.process"}`:              1,
		`healpipe_tasks_running{task="tasks.regrid_file"}`:               0,
		`healpipe_redelivered_total{task="tasks.regrid_file"}`:           2,
		`healpipe_redelivered_total{task="tasks.process"}`:               0,
		`healpipe_messages_taken_over_total`:                             0,
		`healpipe_queue_length{queue="celery"}`:                          0,
		`healpipe_storage_disturbances_total{storage="local"}`:           0,
	} {
		if got, ok := m[name]; !ok || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	// Bytes: the input's data once, the regridded file written once and read once, and what the store takes.
	for name, span := range map[string][2]float64{
		`healpipe_storage_read_bytes_total{storage="s3"}`:       {float64(len(data)) / 2, 3*float64(len(data)) + 1<<20},
		`healpipe_storage_written_bytes_total{storage="s3"}`:    {0, 0},
		`healpipe_storage_read_bytes_total{storage="local"}`:    {regridded, 2*regridded + 8<<20},
		`healpipe_storage_written_bytes_total{storage="local"}`: {regridded + 1<<16, 3*regridded + 8<<20},
		`healpipe_storage_disturbances_total{storage="s3"}`:     {1, 2}, // net/http may repeat a request by itself
		`healpipe_task_seconds_sum{task="tasks.process"}`:       {0.0001, 600},
		`process_resident_memory_bytes`:                         {1 << 20, 4 << 30},
		`healpipe_broker_reconnects_total`:                      {1, 5},  // its first moments may be troubled
		`healpipe_events_dropped_total`:                         {0, 20}, // those under way when the broker ended
	} {
		if got, ok := m[name]; !ok || got < span[0] || got > span[1] {
			t.Errorf("%s is %v, want %v", name, got, span)
		}
	}
	checkDashboard(t, m)
	worker.stop()
	checkJSONLog(t, log(), proxy.Endpoint+"/era5/"+name)
	if strings.Contains(log()+worker.output()+first.output(), "hunter-2") {
		t.Error("the password is in a log")
	}
	if text := worker.output(); text != "" {
		t.Errorf("with a log file, this was printed: %s", text)
	}
}

// logLine is a line of a JSON log.
type logLine struct {
	Time                                                                     time.Time
	Level, Logger, Process, Worker, Message, Task, State, Traceback, Request string
	Input, Output, Store                                                     string
	TaskID                                                                   string `json:"task_id"`
	Runtime, Seconds                                                         float64
	Fields                                                                   int
}

// checkJSONLog looks for each kind of line in the log of TestMetrics.
func checkJSONLog(t *testing.T, text, url string) {
	t.Helper()
	var lines []logLine
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		var l logLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Errorf("%v in %s", err, line)
		}
		if l.Time.IsZero() || l.Level == "" || l.Message == "" || l.Logger == "" || l.Worker != "second@host" || l.Process != "MainProcess" {
			t.Errorf("a field is missing in %s", line)
		}
		lines = append(lines, l)
	}
	find := func(what string, match func(l logLine) bool) logLine {
		t.Helper()
		for _, l := range lines {
			if match(l) {
				return l
			}
		}
		t.Errorf("no line %s in\n%s", what, text)
		return logLine{}
	}
	received := find("received", func(l logLine) bool { return l.State == "RECEIVED" })
	done := find("succeeded", func(l logLine) bool { return l.State == "SUCCESS" && l.Task == "tasks.regrid_file" })
	if done.TaskID == "" || done.TaskID != received.TaskID || done.Runtime <= 0 || done.Level != "INFO" || done.Logger != "celery.app.trace" {
		t.Errorf("%+v", done)
	}
	failed := find("failed", func(l logLine) bool { return l.State == "FAILURE" })
	if failed.Level != "ERROR" || failed.TaskID == done.TaskID || !strings.HasPrefix(failed.Traceback, "Traceback (most recent call last):\n") || strings.Contains(failed.Message, "\n") {
		t.Errorf("%+v", failed)
	}
	storage := find("of the storage", func(l logLine) bool { return l.Logger == "healpipe.storage" })
	if storage.Level != "WARNING" || storage.TaskID != done.TaskID || storage.Task != "tasks.regrid_file" || storage.Request != "GET "+url {
		t.Errorf("%+v", storage)
	}
	regridded := find("of regridding", func(l logLine) bool { return l.Logger == "healpipe.regrid" })
	if regridded.TaskID != done.TaskID || regridded.Fields != 24 || !strings.HasPrefix(regridded.Output, "ERA5_HPX6/") || regridded.Seconds <= 0 {
		t.Errorf("%+v", regridded)
	}
	stored := find("of curation", func(l logLine) bool { return l.Logger == "healpipe.curate" })
	if stored.Task != "tasks.process" || stored.Store != "output.zarr" || stored.Input != regridded.Output {
		t.Errorf("%+v", stored)
	}
	find("of the lost broker", func(l logLine) bool {
		return l.Level == "WARNING" && strings.Contains(l.Message, "Connection to broker lost")
	})
	find("of the shutdown", func(l logLine) bool { return l.Message == "worker: Warm shutdown (MainProcess)" })
	find("of readiness", func(l logLine) bool { return l.Message == "second@host ready." && l.Logger == "celery.worker" })
}

var (
	dashboardWord = regexp.MustCompile(`"[^"]*"|[A-Za-z_:][A-Za-z0-9_:]*`)
	metricName    = regexp.MustCompile(`^(healpipe|process|go|redis|celery)_`)
)

// checkDashboard compares the expressions of the Grafana dashboard with a scrape: each metric must be there, with the
// labels that the expression takes.
func checkDashboard(t *testing.T, scraped map[string]float64) {
	t.Helper()
	text, err := os.ReadFile(testenv.Path("deploy", "grafana.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{} // of each metric
	for name := range scraped {
		base, rest, _ := strings.Cut(name, "{")
		labels[base] += rest + " job= instance= "
	}
	seen := map[string]bool{}
	for _, p := range board.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			found := ""
			for _, word := range dashboardWord.FindAllString(target.Expr, -1) {
				if !metricName.MatchString(word) {
					continue
				}
				if _, known := labels[word]; !known {
					t.Errorf("panel %q: the worker does not export %s", p.Title, word)
				}
				found, seen[word] = word, true
			}
			if found == "" {
				t.Errorf("panel %q: no metric in %s", p.Title, target.Expr)
			}
			used := regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1)
			for _, by := range regexp.MustCompile(`by \(([\w, ]+)\)`).FindAllStringSubmatch(target.Expr, -1) {
				for label := range strings.SplitSeq(by[1], ", ") {
					used = append(used, []string{"", label})
				}
			}
			for _, label := range used {
				if !strings.Contains(labels[found], label[1]+"=") {
					t.Errorf("panel %q: %s has no label %s: %s", p.Title, found, label[1], labels[found])
				}
			}
		}
	}
	// What the worker counts itself is on the dashboard.
	for name := range labels {
		if strings.HasPrefix(name, "healpipe_") && !seen[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
	// And in the documentation, which knows no others.
	text, err = os.ReadFile(testenv.Path("docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented, exported := map[string]bool{}, map[string]bool{}
	for _, name := range regexp.MustCompile(`healpipe_[a-z_]+`).FindAllString(string(text), -1) {
		documented[name] = true
	}
	for name := range labels {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if strings.HasPrefix(name, "healpipe_") && !documented[base] {
			t.Errorf("docs/operations.md does not name %s", base)
		}
		exported[base] = true
	}
	for name := range documented {
		if !exported[name] {
			t.Errorf("docs/operations.md names %s, which is not exported", name)
		}
	}
}

// TestMetricsAddressTaken is one line and an exit status.
func TestMetricsAddressTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	out := s.fails("-A", "tasks", "worker", "--metrics-addr", s.redis.Addr)
	if !strings.HasPrefix(strings.TrimSpace(out), "healpipe: --metrics-addr: ") || strings.Count(out, "\n") != 1 {
		t.Errorf("%s", out)
	}
	if out := s.fails("-A", "tasks", "worker", "--log-format", "xml"); !strings.HasPrefix(out, `healpipe: --log-format: "xml" is neither celery nor json`) {
		t.Errorf("%s", out)
	}
}
