package celery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"healpipe/celery/internal/pyrepr"
)

// Sentinels that callers test with errors.Is.
var (
	ErrNotRegistered  = errors.New("celery: task is not registered")
	ErrInvalidMessage = errors.New("celery: invalid task message")
	ErrTimeout        = errors.New("celery: the operation timed out")
	ErrNoBackend      = errors.New("celery: no result backend is configured")
	ErrRevoked        = errors.New("celery: task revoked")
)

// PythonError is an error that knows which Python exception it is. A task that returns one fails with that exception:
// result readers, Flower and the log show its class, and a Python client raises it.
type PythonError interface {
	error
	// PythonException returns the exception's module ("builtins" for the built-in ones), its class and its arguments.
	PythonException() (module, class string, args []any)
}

// Error is a Python exception in Go: what Errorf makes, and what AsyncResult.Get returns for a failed task.
type Error struct {
	Class     string // ValueError
	Module    string // builtins
	Args      []any  // as given to the exception
	Traceback string // the remote traceback, where known
	Cause     error  // the Go error behind it, if any
}

// Errorf returns an exception of a built-in class, or of a dotted one ("package.module.Class"), with a formatted message.
func Errorf(class, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	module := "builtins"
	if i := strings.LastIndexByte(class, '.'); i >= 0 {
		module, class = class[:i], class[i+1:]
	}
	return &Error{Class: class, Module: module, Args: []any{err.Error()}, Cause: errors.Unwrap(err)}
}

// Error returns the class and the message, as the last line of a Python traceback does.
func (e *Error) Error() string {
	if len(e.Args) == 0 {
		return e.Class
	}
	return e.Class + ": " + excStr(e.Args)
}

// Unwrap returns the Go error behind the exception.
func (e *Error) Unwrap() error { return e.Cause }

// PythonException makes Error a PythonError.
func (e *Error) PythonException() (string, string, []any) { return e.Module, e.Class, e.Args }

// Is matches another Error of the same class and module, so that errors.Is(err, celery.Exception("ValueError")) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Class == e.Class && (t.Module == e.Module || t.Module == "") && t.Args == nil
}

// Exception names an exception class for errors.Is and for TaskOptions.AutoretryFor and Throws.
func Exception(class string) *Error {
	module := "builtins"
	if i := strings.LastIndexByte(class, '.'); i >= 0 {
		module, class = class[:i], class[i+1:]
	}
	return &Error{Class: class, Module: module}
}

// Ignore is returned by a task whose outcome must not be recorded: no result, no event.
var Ignore = errors.New("celery: ignore the outcome of this task")

// Reject is returned by a task that gives its message back (Requeue) or throws it away.
type Reject struct {
	Reason  string
	Requeue bool
}

func (r *Reject) Error() string {
	return "reject requeue=" + pyrepr.Repr(r.Requeue) + ": " + r.Reason
}

// PythonException makes Reject a PythonError.
func (r *Reject) PythonException() (string, string, []any) {
	return "celery.exceptions", "Reject", []any{r.Reason, r.Requeue}
}

// Retry is what Request.Retry returns: the task returns it in turn and runs again later.
type Retry struct {
	Reason string        // shown when there is no error
	Err    error         // what made the task retry; nil if it just wants to run again
	When   time.Duration // the delay
	At     time.Time     // or the time

	again     *eagerAgain // in an eager call: with what
	announced bool        // its state is stored, its event sent
}

// eagerAgain are the arguments of a retry that is not sent.
type eagerAgain struct {
	args   []any
	kwargs map[string]any
}

func (r *Retry) Error() string {
	if r.Reason != "" {
		return r.Reason
	}
	return "Retry " + r.when() + r.cause()
}

func (r *Retry) when() string {
	if !r.At.IsZero() {
		return "at " + isoformat(r.At)
	}
	return "in " + pyrepr.Repr(wholeSeconds(r.When)) + "s"
}

func (r *Retry) cause() string {
	if r.Err == nil {
		return ""
	}
	return ": " + excRepr(r.Err)
}

// Unwrap returns what made the task retry.
func (r *Retry) Unwrap() error { return r.Err }

// PythonException makes Retry a PythonError.
func (r *Retry) PythonException() (string, string, []any) {
	return "celery.exceptions", "Retry", []any{r.Error()}
}

// wholeSeconds gives seconds as Python would hold them: a whole number where the duration is one.
func wholeSeconds(d time.Duration) any {
	if d%time.Second == 0 {
		return int64(d / time.Second)
	}
	return d.Seconds()
}

// Errors of Celery's own that the worker itself raises.
func errNotRegistered(name string) *Error {
	return &Error{Class: "NotRegistered", Module: "celery.exceptions", Args: []any{name}, Cause: ErrNotRegistered}
}

func errTimeLimit(seconds any) *Error {
	return &Error{Class: "TimeLimitExceeded", Module: "billiard.exceptions", Args: []any{seconds}}
}

func errRevoked(reason string) *Error {
	return &Error{Class: "TaskRevokedError", Module: "celery.exceptions", Args: []any{reason}, Cause: ErrRevoked}
}

// ErrSoftTimeLimit is the cause of a task's context being cancelled at its soft time limit.
var ErrSoftTimeLimit error = &Error{Class: "SoftTimeLimitExceeded", Module: "billiard.exceptions"}

// exception describes any error as a Python exception. Errors that are not PythonErrors become the built-in class that
// says the most about them; their text is the one argument.
func exception(err error) (module, class string, args []any) {
	var py PythonError
	if errors.As(err, &py) {
		module, class, args = py.PythonException()
		if py != err && len(args) == 1 { // wrapped: keep the text of the wrapping
			if _, text := args[0].(string); text {
				args = []any{err.Error()}
			}
		}
		if module == "" {
			module = "builtins"
		}
		return module, class, args
	}
	class = "Exception"
	var perr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		class = "FileNotFoundError"
	case errors.Is(err, fs.ErrPermission):
		class = "PermissionError"
	case errors.Is(err, fs.ErrExist):
		class = "FileExistsError"
	case errors.Is(err, context.DeadlineExceeded):
		class = "TimeoutError"
	case errors.Is(err, io.ErrUnexpectedEOF):
		class = "EOFError"
	case errors.As(err, &perr):
		class = "OSError"
	}
	return "builtins", class, []any{err.Error()}
}

// excRepr is Python's repr of the exception.
func excRepr(err error) string {
	var reject *Reject
	if errors.As(err, &reject) {
		return reject.Error()
	}
	module, class, args := exception(err)
	if module == "celery.exceptions" && class == "Reject" && len(args) == 2 { // one that was stored
		return "reject requeue=" + pyrepr.Repr(args[1]) + ": " + excStr(args[:1])
	}
	return pyrepr.Exception(class, args)
}

// excStr is Python's str of an exception with these arguments.
func excStr(args []any) string {
	switch len(args) {
	case 0:
		return ""
	case 1:
		if s, ok := args[0].(string); ok {
			return s
		}
		return pyrepr.Repr(args[0])
	}
	return pyrepr.Repr(pyrepr.Tuple(args))
}
