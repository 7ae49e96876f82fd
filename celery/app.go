package celery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"healpipe/celery/kombu"
)

// App is a Celery application: its settings and its tasks. It is client and worker in one, as in Python.
type App struct {
	conf   Config
	clock  Clock
	lclock lamport
	oid    string // the reply queue of this client
	origin string // gen<pid>@host

	transport kombu.TransportOptions
	accept    kombu.Accept
	confErr   error

	mu    sync.RWMutex
	tasks map[string]*Task
	ctl   map[string]*ControlCommand

	connMu sync.Mutex
	conn   *kombu.Connection
	back   backend
	closed bool
}

// New makes an app. It connects to nothing; settings that make no sense are reported by the first call that needs them.
func New(conf Config) *App {
	a := &App{conf: conf.withDefaults(), tasks: map[string]*Task{}, ctl: map[string]*ControlCommand{}, oid: uuid.NewString()}
	a.clock = a.conf.Clock
	a.origin = fmt.Sprintf("gen%d@%s", os.Getpid(), hostname())
	var errs [2]error
	a.transport, _, errs[0] = kombu.ParseTransportOptions(a.conf.BrokerTransportOptions)
	a.accept, errs[1] = kombu.ParseAccept(a.conf.AcceptContent)
	a.confErr = errors.Join(errs[:]...)
	a.registerBuiltins()
	return a
}

// Config returns the settings with their defaults filled in.
func (a *App) Config() Config { return a.conf }

// Register makes fn a task: a function of an optional context.Context and then typed arguments (see TaskOptions.Params)
// that returns nothing, an error, a value, or a value and an error. A panic in it becomes a failed task. Registering a
// name again replaces the task, which is an error only once a worker runs.
func (a *App) Register(name string, fn any, opts ...TaskOptions) (*Task, error) {
	var o TaskOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	if name == "" || strings.ContainsAny(name, " \n") {
		return nil, fmt.Errorf("celery: %q is not a task name: Flower and Celery need one without spaces", name)
	}
	t, err := a.newTask(name, fn, o)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tasks[name] = t
	return t, nil
}

// MustRegister is Register for program start-up: it panics on an error.
func (a *App) MustRegister(name string, fn any, opts ...TaskOptions) *Task {
	t, err := a.Register(name, fn, opts...)
	if err != nil {
		panic(err)
	}
	return t
}

// Task returns a registered task, or nil.
func (a *App) Task(name string) *Task {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.tasks[name]
}

// TaskNames lists the registered tasks by name; Celery's own only if asked.
func (a *App) TaskNames(builtins bool) []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var names []string
	for name := range a.tasks {
		if builtins || !strings.HasPrefix(name, "celery.") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Dial opens a connection of its own to the broker, with all that the settings say of it; the caller closes it.
func (a *App) Dial(ctx context.Context) (*kombu.Connection, error) { return a.dial(ctx, nil) }

func (a *App) dial(ctx context.Context, log *logger) (*kombu.Connection, error) {
	if a.confErr != nil {
		return nil, a.confErr
	}
	opts := kombu.Options{Transport: a.transport, Credentials: a.conf.BrokerCredentials, ConnectTimeout: a.conf.BrokerConnectionTimeout}
	if log != nil {
		opts.Logger = log.slog()
	}
	if len(a.conf.BrokerUseSSL) > 0 {
		tls, err := kombu.ParseTLSOptions(a.conf.BrokerUseSSL)
		if err != nil {
			return nil, err
		}
		opts.TLS = tls
	}
	return kombu.Dial(ctx, a.conf.Broker, opts)
}

// connection returns the client's shared connection, opening it on first use.
func (a *App) connection(ctx context.Context) (*kombu.Connection, error) {
	a.connMu.Lock()
	defer a.connMu.Unlock()
	if a.closed {
		return nil, kombu.ErrClosed
	}
	if a.conn == nil {
		conn, err := a.dial(ctx, nil)
		if err != nil {
			return nil, err
		}
		a.conn = conn
	}
	return a.conn, nil
}

// Close closes the client's connections. Workers close their own.
func (a *App) Close() error {
	a.connMu.Lock()
	defer a.connMu.Unlock()
	a.closed = true
	var errs []error
	if a.back != nil {
		errs = append(errs, a.back.close())
	}
	if a.conn != nil {
		errs = append(errs, a.conn.Close())
	}
	a.conn, a.back = nil, nil
	return errors.Join(errs...)
}
