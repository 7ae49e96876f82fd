package celery

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Celery's own formats.
const (
	processLogFormat = "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s"
	taskLogFormat    = "[%(asctime)s: %(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s"
)

// logLine is what an entry of the log is made of.
type logLine struct {
	at               time.Time
	level            Level
	taskName, taskID string // of what a task wrote itself
	message          string
}

// logFormat is a format of Python's logging in the style %(name)s, with the format of its date.
type logFormat struct {
	parts []logPart
	date  []datePart // nil: Python's default
}

// logPart is text, or a field and the verb of fmt that prints it as Python's does.
type logPart struct {
	text  string
	verb  string
	value func(f *logFormat, l *logLine) any
}

// logFields are the attributes of Python's LogRecord that a Go program has.
var logFields = map[string]func(*logFormat, *logLine) any{
	"asctime":     func(f *logFormat, l *logLine) any { return f.time(l.at) },
	"created":     func(_ *logFormat, l *logLine) any { return float64(l.at.UnixMicro()) / 1e6 },
	"msecs":       func(_ *logFormat, l *logLine) any { return float64(l.at.Nanosecond() / 1e6) },
	"levelname":   func(_ *logFormat, l *logLine) any { return l.level.String() },
	"levelno":     func(_ *logFormat, l *logLine) any { return int(l.level) },
	"message":     func(_ *logFormat, l *logLine) any { return l.message },
	"process":     func(*logFormat, *logLine) any { return os.Getpid() },
	"processName": func(*logFormat, *logLine) any { return "MainProcess" },
	"threadName":  func(*logFormat, *logLine) any { return "MainThread" },
	"name": func(_ *logFormat, l *logLine) any {
		if l.taskName != "" {
			return "celery.task"
		}
		return "celery.worker"
	},
}

// taskLogFields are those of the format of tasks alone.
var taskLogFields = map[string]func(*logFormat, *logLine) any{
	"task_name": func(_ *logFormat, l *logLine) any { return l.taskName },
	"task_id":   func(_ *logFormat, l *logLine) any { return l.taskID },
}

// parseLogFormat reads a format; setting is its name, for errors.
func parseLogFormat(setting, format, date string, task bool) (*logFormat, error) {
	f := &logFormat{}
	bad := func(what string) error {
		return fmt.Errorf("%w %s %q: %s", ErrSetting, setting, format, what)
	}
	fields := 0
	for rest := format; rest != ""; {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			f.parts = append(f.parts, logPart{text: rest[:i]})
			rest = rest[i:]
			continue
		}
		if strings.HasPrefix(rest, "%%") {
			f.parts, rest = append(f.parts, logPart{text: "%"}), rest[2:]
			continue
		}
		name, after, found := strings.Cut(strings.TrimPrefix(rest, "%("), ")")
		if !found || rest[1] != '(' {
			return nil, bad("a % is followed by (name) and a conversion, or by another %")
		}
		value := logFields[name]
		if value == nil && task {
			value = taskLogFields[name]
		}
		if value == nil {
			known := "asctime, created, levelname, levelno, message, msecs, name, process, processName, threadName"
			if task {
				known += ", task_id, task_name"
			}
			return nil, bad("there is no field " + name + " in Go: there are " + known)
		}
		n := strings.IndexAny(after, "sdf")
		if n < 0 || strings.Trim(after[:n], "0123456789.-+ ") != "" {
			return nil, bad("%(" + name + ") is followed by a width and one of s, d and f")
		}
		verb, conv := "%"+after[:n], after[n]
		get := value
		switch sample := value(f, &logLine{}).(type) {
		case string:
			if conv == 'd' || conv == 'f' {
				return nil, bad("%(" + name + ")" + string(conv) + ": it is text, for s")
			}
			verb += "s"
		case float64:
			value = func(f *logFormat, l *logLine) any { return number(get(f, l).(float64), conv) }
			verb += string(conv)
		case int:
			value = func(f *logFormat, l *logLine) any { return number(float64(get(f, l).(int)), conv) }
			if conv == 's' {
				value = func(f *logFormat, l *logLine) any { return strconv.Itoa(get(f, l).(int)) }
			}
			verb += string(conv)
		default:
			panic(fmt.Sprintf("field %s is a %T", name, sample))
		}
		f.parts, rest = append(f.parts, logPart{verb: verb, value: value}), after[n+1:]
		fields++
	}
	if fields == 0 {
		return nil, bad("no field in it, such as %(message)s")
	}
	var err error
	if f.date, err = parseDateFormat(setting, date); err != nil {
		return nil, err
	}
	return f, nil
}

// number is a field as its conversion wants it.
func number(v float64, conv byte) any {
	switch conv {
	case 'd':
		return int64(v)
	case 'f':
		return v
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// append adds an entry in this format.
func (f *logFormat) append(b []byte, l *logLine) []byte {
	for i := range f.parts {
		p := &f.parts[i]
		if p.value == nil {
			b = append(b, p.text...)
			continue
		}
		b = fmt.Appendf(b, p.verb, p.value(f, l))
	}
	return b
}

func (f *logFormat) time(t time.Time) string {
	if f.date == nil {
		return t.Format("2006-01-02 15:04:05,000")
	}
	var b []byte
	for _, p := range f.date {
		switch {
		case p.layout != "":
			b = t.AppendFormat(b, p.layout)
		case p.get != nil:
			b = append(b, p.get(t)...)
		default:
			b = append(b, p.text...)
		}
	}
	return string(b)
}

// datePart is text, or a directive of strftime as a layout of Go's time or as a function.
type datePart struct {
	text, layout string
	get          func(time.Time) string
}

// dateDirectives are strftime's, in the C locale.
var dateDirectives = map[byte]datePart{
	'Y': {layout: "2006"}, 'm': {layout: "01"}, 'd': {layout: "02"}, 'H': {layout: "15"}, 'M': {layout: "04"}, 'S': {layout: "05"},
	'y': {layout: "06"}, 'b': {layout: "Jan"}, 'B': {layout: "January"}, 'a': {layout: "Mon"}, 'A': {layout: "Monday"}, 'j': {layout: "002"},
	'p': {layout: "PM"}, 'I': {layout: "03"}, 'z': {layout: "-0700"}, 'Z': {layout: "MST"}, 'e': {layout: "_2"}, 'h': {layout: "Jan"},
	'F': {layout: "2006-01-02"}, 'T': {layout: "15:04:05"}, 'D': {layout: "01/02/06"}, 'R': {layout: "15:04"}, 'c': {layout: "Mon Jan _2 15:04:05 2006"},
	'x': {layout: "01/02/06"}, 'X': {layout: "15:04:05"}, 'r': {layout: "03:04:05 PM"}, '%': {text: "%"}, 'n': {text: "\n"}, 't': {text: "\t"},
	's': {get: func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }},
	'w': {get: func(t time.Time) string { return strconv.Itoa(int(t.Weekday())) }},
	'u': {get: func(t time.Time) string { return strconv.Itoa((int(t.Weekday())+6)%7 + 1) }},
	'V': {get: func(t time.Time) string { _, week := t.ISOWeek(); return fmt.Sprintf("%02d", week) }},
	'G': {get: func(t time.Time) string { year, _ := t.ISOWeek(); return strconv.Itoa(year) }},
}

func parseDateFormat(setting, format string) ([]datePart, error) {
	var parts []datePart
	for rest := format; rest != ""; {
		i := strings.IndexByte(rest, '%')
		switch {
		case i < 0:
			parts, rest = append(parts, datePart{text: rest}), ""
		case i > 0:
			parts, rest = append(parts, datePart{text: rest[:i]}), rest[i:]
		default:
			var p datePart
			ok := len(rest) > 1
			if ok {
				p, ok = dateDirectives[rest[1]]
			}
			if !ok {
				setting = strings.TrimSuffix(setting, "format") + "datefmt"
				return nil, fmt.Errorf("%w %s %q: %.2q is not a part of a date that can be had; %%Y-%%m-%%d %%H:%%M:%%S can", ErrSetting, setting, format, rest)
			}
			parts, rest = append(parts, p), rest[2:]
		}
	}
	return parts, nil
}
