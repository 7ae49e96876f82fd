package celery_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// late is a task that says that it runs and then waits for word.
func late(broker string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		c, err := redis.DialURL(broker)
		if err != nil {
			return "", err
		}
		defer context.AfterFunc(ctx, func() { c.Close() })()
		if _, err := c.Do("RPUSH", "running", "late"); err != nil {
			return "", err
		}
		_, err = c.Do("BLPOP", "go", 300)
		return "done", err
	}
}

// signalsWorker is the test's own process as a worker with the task suite.late, for signals.
func signalsWorker() {
	broker := os.Getenv("SUITE_BROKER")
	app := celery.New(celery.Config{Name: "suite", Broker: broker, ResultBackend: broker})
	app.MustRegister("suite.late", late(broker), celery.TaskOptions{AcksLate: true})
	w := app.Worker(celery.WorkerOptions{Concurrency: 1, LogLevel: celery.Info, Hostname: "w@h"})
	signals := w.HandleSignals()
	err := w.Run(context.Background())
	signals.Stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if signals.Restart() {
		fmt.Println("restart asked for")
	}
	os.Exit(w.ExitCode())
}

// TestSignals sends signals, once and twice, to Celery's worker and to this one while a task runs that is acknowledged late.
func TestSignals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		signals []syscall.Signal
		release bool // the task may end after the last one
		says    []string
	}{
		"TERM twice": {[]syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, true, []string{"worker: Warm shutdown (MainProcess)"}},
		"INT twice": {[]syscall.Signal{syscall.SIGINT, syscall.SIGINT}, false, []string{
			"worker: Hitting Ctrl+C again will initiate cold shutdown, terminating all running tasks!", "worker: Warm shutdown (MainProcess)",
			"worker: Hitting Ctrl+C again will terminate all running tasks!"}},
		"INT after TERM":  {[]syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, true, []string{"worker: Warm shutdown (MainProcess)"}},
		"QUIT after TERM": {[]syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT}, false, []string{"worker: Cold shutdown (MainProcess)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			observe := func(start func(broker string) *exec.Cmd, says []string) (out []any) {
				broker := testenv.StartRedis(t).URL(0)
				cmd := start(broker)
				cmd.Env = append(suiteEnv(cmd, broker), cmd.Env...)
				log := new(syncBuffer)
				cmd.Stdout, cmd.Stderr = log, log
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				done := make(chan struct{})
				go func() { defer close(done); _ = cmd.Wait() }()
				defer func() { _ = cmd.Process.Kill(); <-done }()
				app := newApp(t, celery.Config{Broker: broker, ResultBackend: broker})
				res, err := app.SendTask(t.Context(), "suite.late", nil, nil, celery.Options{})
				if err != nil {
					t.Fatal(err)
				}
				c := dial(t, broker)
				testenv.WaitFor(t, 5*time.Minute, "the task to run", func() bool { return length(t, c, "LLEN", "running") == 1 })
				for i, sig := range tc.signals {
					if i > 0 {
						testenv.WaitFor(t, 2*time.Minute, "the first signal to be heard", func() bool { return log.has("Warm shutdown") })
					}
					if err := cmd.Process.Signal(sig); err != nil {
						t.Fatal(err)
					}
				}
				if tc.release {
					// What USR1 prints comes after what the signal before it did.
					if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
						t.Fatal(err)
					}
					testenv.WaitFor(t, 2*time.Minute, "the stacks", func() bool { return log.has("goroutine ") || log.has("MainThread") })
					if _, err := c.Do("RPUSH", "go", "on"); err != nil {
						t.Fatal(err)
					}
				}
				select {
				case <-done:
				case <-time.After(3 * time.Minute):
					t.Fatalf("the worker goes on\n%s", log)
				}
				for _, line := range says {
					if !log.has(line) {
						t.Errorf("the worker did not say %q:\n%s", line, log)
					}
				}
				state, err := res.State(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return []any{"state", state, "runs", length(t, c, "LLEN", "running"), "waiting", length(t, c, "LLEN", "celery"), "unacked", length(t, c, "HLEN", "unacked")}
			}
			py := observe(func(string) *exec.Cmd {
				cmd := exec.Command(testenv.Python(t), "-m", "celery", "-A", "suite", "worker", "-P", "prefork", "-c", "1", "-l", "INFO", "-n", "w@h")
				cmd.Dir = "testdata"
				return cmd
			}, nil)
			own := observe(func(string) *exec.Cmd {
				cmd := exec.Command(os.Args[0])
				cmd.Env = []string{"SIGNALS_WORKER=1"}
				return cmd
			}, tc.says)
			if diff := cmp.Diff(py, own); diff != "" {
				t.Errorf("Python (-) and Go (+) differ:\n%s", diff)
			}
			t.Log(py...)
		})
	}
}
