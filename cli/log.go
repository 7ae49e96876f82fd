package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
)

// logFlags are those of commands that run a worker; without is where the log goes without --logfile.
func logFlags(without string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "logfile", Aliases: []string{"f"}, Usage: "the worker's log (default: " + without + ")"},
		&cli.StringFlag{Name: "log-format", Value: "celery", Usage: "celery: lines as Celery writes them; json: one JSON object on each line"},
	}
}

// workLog is the log of a worker: Celery's lines, written by the worker itself, or JSON.
type workLog struct {
	json  *slog.Logger // nil for Celery's lines
	close func()
}

// openLog opens the log that the flags ask for, and makes the worker write into it. The worker's own options
// suffice for Celery's lines.
func openLog(format string, o *celery.WorkerOptions) (*workLog, error) {
	switch format {
	case "", "celery":
		return &workLog{close: func() {}}, nil
	case "json":
	default:
		return nil, usagef("--log-format: %q is neither celery nor json", format)
	}
	node := celery.DefaultNodename(o.Hostname)
	l, out := &workLog{close: func() {}}, io.Writer(os.Stderr)
	switch {
	case o.Logfile != "":
		f, err := os.OpenFile(celery.ExpandNode(o.Logfile, node), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, fmt.Errorf("--logfile: %w", err)
		}
		out, l.close, o.Logfile = f, func() { f.Close() }, ""
	case o.LogWriter != nil:
		out = o.LogWriter
	}
	l.json = newJSONLogger(out, o.LogLevel, node)
	lines := &celeryLines{log: l.json}
	o.LogWriter, o.Stdout, o.Quiet, o.PlainLog = lines, lines, true, true // the banner is no JSON
	return l, nil
}

// logger returns the logger for what a part of the program (healpipe.regrid, say) does in the task of ctx. Lines
// in Celery's form name the task alone.
func (l *workLog) logger(ctx context.Context, part string) *slog.Logger {
	if l.json == nil {
		return celery.Logger(ctx)
	}
	log := l.json.With("logger", part)
	if r := celery.CurrentRequest(ctx); r != nil {
		log = log.With("task", r.Name, "task_id", r.ID)
	}
	return log
}

// newJSONLogger writes records as JSON with the names that the documentation gives (docs/operations.md).
func newJSONLogger(w io.Writer, level celery.Level, node string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: toSlog(level), ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.LevelKey:
			if l, ok := a.Value.Any().(slog.Level); ok {
				a.Value = slog.StringValue(levelName(l))
			}
		case slog.MessageKey:
			a.Key = "message"
		}
		return a
	}})
	return slog.New(h).With("worker", node, "process", "MainProcess")
}

// slogCritical is Python's CRITICAL among slog's levels.
const slogCritical = slog.LevelError + 4

func toSlog(l celery.Level) slog.Level {
	switch {
	case l >= celery.Critical:
		return slogCritical
	case l >= celery.LevelErr:
		return slog.LevelError
	case l >= celery.Warning, l == 0:
		return slog.LevelWarn
	case l >= celery.Info:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

func levelName(l slog.Level) string {
	switch {
	case l >= slogCritical:
		return "CRITICAL"
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARNING"
	case l >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}

// celeryLines takes the worker's entries in Celery's format, one to a Write, and logs them with their parts
// as fields.
type celeryLines struct{ log *slog.Logger }

var (
	entryForm   = regexp.MustCompile(`(?s)^\[[^\]]*: ([A-Z]+)/[^\]]*\] (.*?)\n*$`)
	taskForm    = regexp.MustCompile(`(?s)^(Task|Task accepted:|Discarding revoked task:) ([^\s\[\]]+)\[([^\]\s]+)\] ?(.*)$`)
	runtimeForm = regexp.MustCompile(`^succeeded in ([0-9.e+-]+)s: `)
)

// taskStates are the states that a task's line tells of, by the words before or behind the task's name, and the
// logger that Celery names for them.
var taskStates = []struct{ words, state, logger string }{
	{"Task accepted:", celery.StateStarted, "celery.worker.request"},
	{"Discarding revoked task:", celery.StateRevoked, "celery.worker.request"},
	{"received", celery.StateReceived, "celery.worker.strategy"},
	{"succeeded in", celery.StateSuccess, "celery.app.trace"},
	{"retry:", celery.StateRetry, "celery.app.trace"},
	{"raised unexpected:", celery.StateFailure, "celery.app.trace"},
	{"raised expected:", celery.StateFailure, "celery.app.trace"},
	{"ignored", celery.StateIgnored, "celery.app.trace"},
	{"reject", celery.StateRejected, "celery.app.trace"},
}

func (c *celeryLines) Write(line []byte) (int, error) {
	level, message := slog.LevelInfo, strings.Trim(string(line), "\n")
	if m := entryForm.FindStringSubmatch(message); m != nil {
		l, err := celery.ParseLevel(m[1])
		if err == nil {
			level = toSlog(l)
		}
		message = m[2]
	}
	message, attrs := takeApart(message)
	c.log.LogAttrs(context.Background(), level, message, attrs...)
	return len(line), nil
}

// takeApart finds a task's name, id, state, run time and traceback in an entry of the worker.
func takeApart(message string) (string, []slog.Attr) {
	m := taskForm.FindStringSubmatch(message)
	if m == nil {
		return message, []slog.Attr{slog.String("logger", "celery.worker")}
	}
	logger, state := "celery.worker", ""
	for _, s := range taskStates {
		if m[1] == s.words || strings.HasPrefix(m[4], s.words) {
			logger, state = s.logger, s.state
			break
		}
	}
	attrs := []slog.Attr{slog.String("logger", logger), slog.String("task", m[2]), slog.String("task_id", m[3])}
	if state != "" {
		attrs = append(attrs, slog.String("state", state))
	}
	if r := runtimeForm.FindStringSubmatch(m[4]); r != nil {
		if seconds, err := strconv.ParseFloat(r[1], 64); err == nil {
			attrs = append(attrs, slog.Float64("runtime", seconds))
		}
	}
	if first, rest, found := strings.Cut(message, "\nTraceback "); found {
		message = first
		attrs = append(attrs, slog.String("traceback", "Traceback "+rest))
	}
	return message, attrs
}
