package celery

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Level is a Python logging level.
type Level int

// Python's levels; Critical stands for FATAL too.
const (
	Debug    Level = 10
	Info     Level = 20
	Warning  Level = 30
	LevelErr Level = 40
	Critical Level = 50
)

// ParseLevel reads a level by its Python name, in any case.
func ParseLevel(s string) (Level, error) {
	switch strings.ToUpper(s) {
	case "DEBUG":
		return Debug, nil
	case "INFO":
		return Info, nil
	case "WARNING", "WARN", "":
		return Warning, nil
	case "ERROR":
		return LevelErr, nil
	case "CRITICAL", "FATAL":
		return Critical, nil
	}
	return 0, fmt.Errorf("celery: %q is not a log level: DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL", s)
}

func (l Level) String() string {
	switch {
	case l >= Critical:
		return "CRITICAL"
	case l >= LevelErr:
		return "ERROR"
	case l >= Warning:
		return "WARNING"
	case l >= Info:
		return "INFO"
	}
	return "DEBUG"
}

// colors are Celery's own, used where the log is a terminal.
func (l Level) color() string {
	switch {
	case l >= Critical:
		return "\x1b[1;35m"
	case l >= LevelErr:
		return "\x1b[1;31m"
	case l >= Warning:
		return "\x1b[1;33m"
	case l < Info:
		return "\x1b[1;34m"
	}
	return ""
}

// logger writes lines in Celery's format or the one that is set, one Write call per entry.
type logger struct {
	mu         sync.Mutex
	w          io.Writer
	level      Level
	color      bool
	now        func() time.Time
	work, task *logFormat // worker_log_format and worker_task_log_format; nil: Celery's own
	buf        []byte
}

func newLogger(w io.Writer, level Level, color bool, now func() time.Time) *logger {
	return &logger{w: w, level: level, color: color, now: now}
}

func (l *logger) enabled(level Level) bool { return level >= l.level }

func (l *logger) debugf(format string, args ...any) { l.logf(Debug, format, args...) }
func (l *logger) infof(format string, args ...any)  { l.logf(Info, format, args...) }
func (l *logger) warnf(format string, args ...any)  { l.logf(Warning, format, args...) }
func (l *logger) errorf(format string, args ...any) { l.logf(LevelErr, format, args...) }
func (l *logger) critf(format string, args ...any)  { l.logf(Critical, format, args...) }

func (l *logger) logf(level Level, format string, args ...any) {
	if l.enabled(level) {
		l.entry(level, fmt.Sprintf(format, args...))
	}
}

// entry writes a line of the worker.
func (l *logger) entry(level Level, msg string) { l.write(level, "", "", msg) }

// write writes a line; name and id are of the task that wrote it itself.
func (l *logger) write(level Level, name, id, msg string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	color := ""
	if l.color {
		color = level.color()
	}
	b := append(l.buf[:0], color...)
	now, format := l.now(), l.work
	if name != "" {
		format = l.task
	}
	if format != nil {
		b = format.append(b, &logLine{at: now, level: level, taskName: name, taskID: id, message: msg})
	} else {
		b = append(b, '[')
		b = now.AppendFormat(b, "2006-01-02 15:04:05,000")
		b = append(b, ": "...)
		b = append(b, level.String()...)
		b = append(b, "/MainProcess] "...)
		if name != "" {
			b = append(b, name...)
			b = append(b, '[')
			b = append(b, id...)
			b = append(b, "]: "...)
		}
		b = append(b, msg...)
	}
	if color != "" {
		b = append(b, "\x1b[0m"...)
	}
	b = append(b, '\n')
	_, _ = l.w.Write(b) // a log that cannot be written must not stop the work
	if cap(b) > 64<<10 {
		b = nil
	}
	l.buf = b
}

// taskHandler lets a task log through log/slog in the format of Celery's task logger.
type taskHandler struct {
	log      *logger
	name, id string
	attrs    string
	group    string
}

func (h *taskHandler) Enabled(_ context.Context, level slog.Level) bool {
	return h.log.enabled(fromSlog(level))
}

func (h *taskHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(&b, h.group, a)
		return true
	})
	h.log.write(fromSlog(r.Level), h.name, h.id, b.String())
	return nil
}

func (h *taskHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		writeAttr(&b, h.group, a)
	}
	c := *h
	c.attrs = b.String()
	return &c
}

func (h *taskHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	return &c
}

func writeAttr(b *strings.Builder, group string, a slog.Attr) {
	if !a.Equal(slog.Attr{}) {
		fmt.Fprintf(b, " %s%s=%v", group, a.Key, a.Value.Resolve())
	}
}

func fromSlog(l slog.Level) Level {
	switch {
	case l >= slog.LevelError:
		return LevelErr
	case l >= slog.LevelWarn:
		return Warning
	case l >= slog.LevelInfo:
		return Info
	}
	return Debug
}

// slog returns the log as a slog.Logger, for the transport.
func (l *logger) slog() *slog.Logger { return slog.New(&taskHandler{log: l}) }

// taskf is logf for the lines that every task writes: nothing is formatted unless the level is on.
func (l *logger) taskf(level Level, format, name, id string) {
	if l.enabled(level) {
		l.entry(level, fmt.Sprintf(format, name, id))
	}
}
