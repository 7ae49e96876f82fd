package celery

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

// Formats of lines and dates print what Python's logging prints for the same record.
func TestLogFormatAsPython(t *testing.T) {
	t.Parallel()
	formats := [][2]string{
		{processLogFormat, ""}, {taskLogFormat, ""}, {processLogFormat, "%d.%m.%Y %H:%M:%S"}, {"%(message)s", ""}, {"100%% of %(message)s%%", ""},
		{"%(levelname)-10s|%(levelname)10s|%(levelname).3s|%(levelname)8.2s|", ""}, {"%(levelno)d %(levelno)s %(levelno)05d %(levelno)-5d| %(levelno)+d %(levelno).1f", ""},
		{"%(msecs)d %(msecs)03d %(msecs).3f %(msecs)s", ""}, {"%(created)f %(created)d %(created)s", ""}, {"%(task_name)s/%(task_id).8s %(task_id)40s", ""},
		{"%(asctime)s", "%a %A %b %B %c %d %D %e %F %G %h %H %I %j %m %M %n %p %r %R %s %S %t %T %u %V %w %x %X %y %Y %z %Z %%"}, {"%(asctime)-30s|", "%Y"},
		{"ünï %(message)s \U0001f600", "%Y é"}, {"%(processName)s %(threadName)s %(message)s", "x"},
	}
	times := []float64{0.5, 1706612345.678, 1709164800, 1735689599.999, 1798761599.001}
	raw, err := json.Marshal(map[string]any{"formats": formats, "times": times})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testenv.Python(t), "-c", `
import json, logging, sys
given = json.loads(sys.argv[1])
out = []
for format, date in given["formats"]:
    for at in given["times"]:
        r = logging.makeLogRecord({"name": "n", "levelno": 30, "levelname": "WARNING", "msg": "text é %s", "created": float(at), "msecs": int(at * 1000) % 1000 + 0.0,
                                   "processName": "MainProcess", "threadName": "MainThread", "task_name": "a.b", "task_id": "12345678-90"})
        out.append(logging.Formatter(format, date or None).format(r))
print(json.dumps(out))`, string(raw))
	cmd.Env = append(cmd.Environ(), "TZ=UTC", "LC_ALL=C")
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for _, f := range formats {
		format, err := parseLogFormat("worker_task_log_format", f[0], f[1], true)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range times {
			l := &logLine{at: time.UnixMilli(int64(at * 1000)).UTC(), level: Warning, taskName: "a.b", taskID: "12345678-90", message: "text é %s"}
			got = append(got, string(format.append(nil, l)))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Python +Go):\n%s", diff)
	}
}

// A format that cannot be had is refused at the start, by a line that names the setting and what is wrong.
func TestLogFormatsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		conf Config
		want []string
	}{
		{Config{WorkerLogFormat: "%(lineno)d %(message)s"}, []string{"worker_log_format", "no field lineno", "asctime"}},
		{Config{WorkerLogFormat: "%(task_name)s"}, []string{"worker_log_format", "no field task_name"}},
		{Config{WorkerTaskLogFormat: "%(message)"}, []string{"worker_task_log_format", "%(message)", "width"}},
		{Config{WorkerTaskLogFormat: "%(message"}, []string{"worker_task_log_format"}},
		{Config{WorkerTaskLogFormat: "%(message)d"}, []string{"%(message)d"}},
		{Config{WorkerLogFormat: "%"}, []string{"another %"}},
		{Config{WorkerLogFormat: "%(message)*s"}, []string{"width"}},
		{Config{WorkerLogFormat: "{message}"}, []string{"no field"}},
		{Config{WorkerLogDateFormat: "%Q"}, []string{"worker_log_datefmt", "%Q"}},
		{Config{WorkerTaskLogDateFormat: "%Y %"}, []string{"worker_task_log_datefmt"}},
	} {
		c.conf.Broker = "memory://"
		err := New(c.conf).Worker(WorkerOptions{Quiet: true}).Run(t.Context())
		for _, text := range c.want {
			if !errors.Is(err, ErrSetting) || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%+v: %v, want %q", c.conf, err, text)
			}
		}
	}
}
