package cli

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
)

// TestCeleryLines takes apart what a worker logs.
func TestCeleryLines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		want map[string]any
	}{
		{"[2026-01-02 03:04:05,678: INFO/MainProcess] celery@h ready.\n", map[string]any{"level": "INFO", "logger": "celery.worker", "message": "celery@h ready."}},
		{"[2026-01-02 03:04:05,678: INFO/MainProcess] Task t.x[a-1] received\n",
			map[string]any{"level": "INFO", "logger": "celery.worker.strategy", "message": "Task t.x[a-1] received", "task": "t.x", "task_id": "a-1", "state": "RECEIVED"}},
		{"[2026-01-02 03:04:05,678: DEBUG/MainProcess] Task accepted: t.x[a-1] pid:7\n",
			map[string]any{"level": "DEBUG", "logger": "celery.worker.request", "message": "Task accepted: t.x[a-1] pid:7", "task": "t.x", "task_id": "a-1", "state": "STARTED"}},
		{"[2026-01-02 03:04:05,678: INFO/MainProcess] Task t.x[a-1] succeeded in 1.5e-05s: 'a\nb'\n",
			map[string]any{"level": "INFO", "logger": "celery.app.trace", "message": "Task t.x[a-1] succeeded in 1.5e-05s: 'a\nb'", "task": "t.x", "task_id": "a-1", "state": "SUCCESS", "runtime": 1.5e-05}},
		{"[2026-01-02 03:04:05,678: ERROR/MainProcess] Task t.x[a-1] raised unexpected: ValueError('x')\nTraceback (most recent call last):\n  File \"f\", line 1, in g\nValueError: x\n",
			map[string]any{"level": "ERROR", "logger": "celery.app.trace", "message": "Task t.x[a-1] raised unexpected: ValueError('x')", "task": "t.x", "task_id": "a-1", "state": "FAILURE",
				"traceback": "Traceback (most recent call last):\n  File \"f\", line 1, in g\nValueError: x"}},
		{"[2026-01-02 03:04:05,678: INFO/MainProcess] Task t.x[a-1] retry: Retry in 3s: ValueError('x')\n",
			map[string]any{"level": "INFO", "logger": "celery.app.trace", "message": "Task t.x[a-1] retry: Retry in 3s: ValueError('x')", "task": "t.x", "task_id": "a-1", "state": "RETRY"}},
		{"[2026-01-02 03:04:05,678: INFO/MainProcess] Discarding revoked task: t.x[a-1]\n",
			map[string]any{"level": "INFO", "logger": "celery.worker.request", "message": "Discarding revoked task: t.x[a-1]", "task": "t.x", "task_id": "a-1", "state": "REVOKED"}},
		{"[2026-01-02 03:04:05,678: CRITICAL/MainProcess] \x1b[1;35mno <UTF-8>: \xff\x1b[0m\n",
			map[string]any{"level": "CRITICAL", "logger": "celery.worker", "message": "\x1b[1;35mno <UTF-8>: \ufffd\x1b[0m"}},
		{"\nworker: Warm shutdown (MainProcess)\n", map[string]any{"level": "INFO", "logger": "celery.worker", "message": "worker: Warm shutdown (MainProcess)"}},
	} {
		var out bytes.Buffer
		w := &celeryLines{log: newJSONLogger(&out, celery.Debug, "n@h")}
		if n, err := w.Write([]byte(tt.line)); n != len(tt.line) || err != nil {
			t.Errorf("%d %v", n, err)
		}
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || bytes.Count(out.Bytes(), []byte("\n")) != 1 {
			t.Errorf("%v in %s", err, out.Bytes())
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil || time.Since(at) < 0 {
			t.Errorf("time %v, %v", got["time"], err)
		}
		delete(got, "time")
		tt.want["worker"], tt.want["process"] = "n@h", "MainProcess"
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q:\n%s", tt.line, diff)
		}
	}
}
