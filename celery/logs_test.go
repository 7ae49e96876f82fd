package celery_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

var (
	runtimeInLog = regexp.MustCompile(`succeeded in [0-9.e-]+s`)
	dateInLog    = regexp.MustCompile(`\d{4}/\d\d/\d\d \d\d-\d\d-\d\d`)
)

// worker_log_format, worker_task_log_format and their dates: a Python and a Go worker write the same lines about the same task.
func TestLogFormats(t *testing.T) {
	t.Parallel()
	const settings = `{"worker_log_format": "W|%(asctime)s|%(levelname)-8s|%(levelno)03d|%(processName)s|%(message)s|", "worker_log_datefmt": "%Y/%m/%d %H-%M-%S",
		"worker_task_log_format": "T|%(asctime)s|%(levelname)8s|%(task_name)s|%(task_id).8s|%(message)s|", "worker_task_log_datefmt": "on %Y/%m/%d %H-%M-%S"}`
	theirs, ours := testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0)
	run := func(app *celery.App, log *syncBuffer) []string {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		res, err := app.Signature("suite.say", "ünï").Delay(ctx)
		if err != nil {
			t.Error(err)
			return nil
		}
		if _, err := res.Get(ctx); err != nil {
			t.Error(err)
			return nil
		}
		testenv.WaitFor(t, time.Minute, "the last line", func() bool { return log.has("succeeded in") })
		text := strings.NewReplacer(res.ID, "<id>", res.ID[:8], "<id>").Replace(log.String())
		text = dateInLog.ReplaceAllString(runtimeInLog.ReplaceAllString(text, "succeeded in <s>"), "<date>")
		var lines []string
		for line := range strings.Lines(text) {
			if strings.Contains(line, "<id>") || strings.HasPrefix(line, "ünï") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	var want []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		log := pythonWorkerWith(t, theirs, settings, "--include", "logs")
		want = run(newApp(t, celery.Config{Name: "suite", Broker: theirs, ResultBackend: theirs}), log)
	}()
	conf := celery.Config{Name: "suite", Broker: ours, ResultBackend: ours}
	var given map[string]any
	unmarshal(t, []byte(settings), &given)
	if err := conf.ApplySettings(given); err != nil {
		t.Fatal(err)
	}
	app := newApp(t, conf)
	app.MustRegister("suite.say", func(ctx context.Context, text string) {
		log := celery.Logger(ctx)
		log.Debug("not shown")
		log.Info("said " + text)
		log.Warn("twice\n" + text)
		log.Error("of ten, 100 % of it")
	})
	got := run(app, runWorker(t, app, celery.WorkerOptions{}).log)
	<-done
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Python +Go):\n%s", diff)
	}
	if len(want) < 6 || !slices.ContainsFunc(want, func(l string) bool { return strings.HasPrefix(l, "T|on <date>| WARNING|suite.say|<id>|twice") }) {
		t.Errorf("Celery's worker wrote %q", want)
	}
}
