package tests

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// TestWorkerOptions starts workers with the options that other tests do not use, sends them signals, and tries those
// that are refused.
func TestWorkerOptions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, option := range [][]string{{"-D"}, {"-B"}, {"--uid=1"}, {"--gid=1"}, {"--umask=022"}} {
		out := s.fails(append([]string{"-A", "tasks", "worker"}, option...)...)
		if name, _, _ := strings.Cut(option[0], "="); !strings.Contains(out, name+": ") {
			t.Errorf("%s is refused with %q", option[0], out)
		}
	}
	s.python("-c", `
import config
from celery import Celery
app = Celery("tasks", broker=config.CELERY_BROKER)
for i in range(2): app.send_task("celery.accumulate", [i], queue="other")
`)
	pidfile := s.path("go.pid")
	w := s.worker("-n", "go@test", "--pidfile", s.path("%n.pid"), "--purge", "-P", "prefork", "-c", "2", "-O", "fair", "-I", "a,b",
		"--max-tasks-per-child=5", "--max-memory-per-child=1000", "--pool-start-method=fork", "--executable=python", "--disable-prefetch",
		"--without-gossip", "--without-mingle", "--without-heartbeat", "--", "task.default_queue=other", "_eta_task_limit=7", "result.expires=(float)90", "task.send_sent_event=yes")
	conf := s.healpipe("inspect", "-t", "60", "-d", "go@test", "conf")
	for _, want := range []string{`"task_default_queue": "other"`, `"worker_eta_task_limit": 7`, `"result_expires": 90`, `"task_send_sent_event": true`} {
		if !strings.Contains(conf, want) {
			t.Errorf("a setting of the command line has no effect: no %s in\n%s", want, conf)
		}
	}
	if !strings.Contains(w.output(), "purge: Erased 2 messages from the queue.") {
		t.Error("no line about purged messages")
	}
	if out := s.fails("-A", "tasks", "worker", "--pidfile", pidfile); !strings.Contains(out, pidfile) {
		t.Errorf("a second worker on the pidfile: %q", out)
	}
	signal := func(sig syscall.Signal, what string, done func(out string) bool) {
		t.Helper()
		if err := w.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, 2*time.Minute, what, func() bool { return done(w.output()) })
	}
	signal(syscall.SIGUSR1, "the stacks", func(out string) bool { return strings.Contains(out, "goroutine ") })
	signal(syscall.SIGHUP, "the worker to start again", func(out string) bool { return strings.Count(out, "go@test ready.") == 2 })
	w.stop()

	// With REMAP_SIGTERM TERM is a cold shutdown, whose exit status is not zero.
	cmd := s.command(binary, "-A", "tasks", "worker", "--loglevel=info", "-n", "cold@test")
	cmd.Env = append(cmd.Env, "REMAP_SIGTERM=SIGQUIT")
	w = s.start(cmd)
	w.await("ready.")
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.await("Cold shutdown")
	err := <-w.done
	w.done <- err
	if err == nil {
		t.Error("a cold shutdown ended with status 0")
	}
}
