package celery_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

func TestMain(m *testing.M) {
	if os.Getenv("SIGNALS_WORKER") != "" {
		signalsWorker()
	}
	goleak.VerifyTestMain(m)
}

// syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// tail returns the last part of the log.
func (s *syncBuffer) tail() string {
	text := s.String()
	return text[max(0, len(text)-3000):]
}

func (s *syncBuffer) has(text string) bool { return strings.Contains(s.String(), text) }

// running is a worker in the test's process.
type running struct {
	*celery.Worker
	log  *syncBuffer
	done chan error
}

// runWorker starts a worker and waits until it consumes; the test ends it if nobody else does.
func runWorker(t testing.TB, app *celery.App, opts celery.WorkerOptions) *running {
	t.Helper()
	log := &syncBuffer{}
	ready := make(chan struct{})
	opts.LogWriter, opts.Stdout, opts.Ready = log, log, func() { close(ready) }
	if opts.LogLevel == 0 {
		opts.LogLevel = celery.Info
	}
	r := &running{Worker: app.Worker(opts), log: log, done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { r.done <- r.Run(ctx) }()
	ended := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-r.done:
			if err != nil {
				t.Errorf("worker: %v", err)
			}
		case <-ended:
		}
		if t.Failed() {
			t.Logf("end of the worker's log:\n%s", log.tail())
		}
	})
	select {
	case <-ready:
	case err := <-r.done:
		close(ended)
		t.Fatalf("worker did not start: %v\n%s", err, log)
	case <-time.After(time.Minute):
		t.Fatalf("worker did not start\n%s", log)
	}
	return r
}

// end waits for Run to return, after a shutdown has been asked for.
func (r *running) end(t testing.TB) {
	t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("worker did not stop\n%s", r.log)
	}
}

// newApp makes an app that the test closes.
func newApp(t testing.TB, conf celery.Config) *celery.App {
	t.Helper()
	app := celery.New(conf)
	t.Cleanup(func() {
		if err := app.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return app
}

// python runs a script of testdata with the suite's environment and returns its standard output.
func python(t testing.TB, broker string, script string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testenv.Python(t), append([]string{script}, args...)...)
	cmd.Dir = "testdata"
	cmd.Env = suiteEnv(cmd, broker)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.String())
	}
	return out
}

func suiteEnv(cmd *exec.Cmd, broker string) []string {
	return append(cmd.Environ(), "SUITE_BROKER="+broker, "PYTHONDONTWRITEBYTECODE=1")
}

// pythonWorker starts Celery's own worker on the suite and waits until it is ready.
func pythonWorker(t testing.TB, broker string, args ...string) *syncBuffer {
	t.Helper()
	return pythonWorkerWith(t, broker, "{}", args...)
}

// pythonWorkerWith is one with settings of its own, as JSON.
func pythonWorkerWith(t testing.TB, broker, conf string, args ...string) *syncBuffer {
	t.Helper()
	log := &syncBuffer{}
	cmd := exec.Command(testenv.Python(t), append([]string{"-m", "celery", "-A", "suite", "worker", "-l", "INFO", "-n", "w@h", "-P", "threads", "-c", "4"}, args...)...)
	cmd.Dir = "testdata"
	cmd.Env = append(suiteEnv(cmd, broker), "SUITE_CONF="+conf)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("end of the Python worker's log:\n%s", log.tail())
		}
	})
	testenv.WaitFor(t, 5*time.Minute, "the Python worker to be ready", func() bool { return log.has(" ready.") })
	// It subscribes (to commands and to its peers' events, by pattern) at the first poll after that line; what is
	// sent before is lost.
	conn, err := redis.DialURL(broker)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	testenv.WaitFor(t, 5*time.Minute, "the Python worker to hear commands", func() bool {
		patterns, err := redis.Int(conn.Do("PUBSUB", "NUMPAT"))
		return err == nil && patterns >= 2
	})
	return log
}

func unmarshal(t testing.TB, raw []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("%v in %.300s", err, raw)
	}
}

// monitor returns every command that the server carries out from now on, in order, as MONITOR words them.
func monitor(t testing.TB, url string) <-chan string {
	t.Helper()
	c := dial(t, url)
	if _, err := c.Do("MONITOR"); err != nil {
		t.Fatal(err)
	}
	out := make(chan string, 10_000)
	go func() {
		for {
			line, err := redis.String(redis.ReceiveWithTimeout(c, 0))
			if err != nil {
				return // the test has closed the connection
			}
			select {
			case out <- line:
			case <-t.Context().Done():
				return
			}
		}
	}()
	return out
}

var bodyInMonitor = regexp.MustCompile(`\\"body\\": ?\\"([A-Za-z0-9+/=]*)`)

// monitoredBody is the decoded body of the first message in a line of monitor's.
func monitoredBody(line string) string {
	m := bodyInMonitor.FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	body, err := base64.StdEncoding.DecodeString(m[1])
	if err != nil {
		return ""
	}
	return string(body)
}
