package celery

import (
	"sync"
	"sync/atomic"
	"time"
)

// TaskOptions configure a task, as the arguments of Python's @app.task do. The zero value takes everything from Config.
type TaskOptions struct {
	// Params names the function's arguments as Python would declare them: "path", "level=6" (a default as JSON), "*"
	// before keyword-only ones, "*args" for a variadic or slice argument, "**kwargs" for a map. Without it the arguments
	// are called arg1, arg2 and so on. A function that takes one struct with celery tags needs none:
	//
	//	type params struct {
	//		Path  string `celery:"file_path"`
	//		Level int    `celery:"level" default:"6"`
	//	}
	Params []string

	AcksLate      bool          // acks_late: acknowledge after the task has run
	AcksEarly     bool          // acks_late=False where Config.TaskAcksLate is set
	AcksOnFailure *bool         // acks_on_failure
	AcksOnTimeout *bool         // acks_on_timeout
	IgnoreResult  *bool         // ignore_result
	StoreErrors   *bool         // store_errors_even_if_ignored
	TrackStarted  *bool         // track_started
	TimeLimit     time.Duration // time_limit: the task is given up
	SoftTimeLimit time.Duration // soft_time_limit: its context ends with ErrSoftTimeLimit
	RateLimit     string        // rate_limit: "10/s", "100/m"
	Serializer    string        // serializer of its messages
	Compression   string        // compression of its messages
	Queue         string        // queue to send it to, where no route says otherwise
	Exchange      string        // exchange
	RoutingKey    string        // routing_key
	Priority      *int          // priority
	Expires       time.Duration // expires
	SendEvents    *bool         // send_events; true
	Throws        []error       // throws: expected errors, logged as INFO without a traceback
	ResultReprMax int           // resultrepr_maxsize; 1024

	MaxRetries        *int          // max_retries; 3, negative: no limit
	DefaultRetryDelay time.Duration // default_retry_delay; 180 s, negative: none
	AutoretryFor      []error       // autoretry_for: errors (errors.Is) that retry by themselves; AnyError for all
	DontAutoretryFor  []error       // dont_autoretry_for
	RetryBackoff      time.Duration // retry_backoff: first delay, doubled for each retry
	RetryBackoffMax   time.Duration // retry_backoff_max; 600 s
	RetryJitterOff    bool          // retry_jitter=False: the full delay instead of a random part of it

	// Hooks, as the methods of Python's Task. They run in the worker; what they return is logged.
	OnSuccess   func(r *Request, result any) error
	OnFailure   func(r *Request, err error) error
	OnRetry     func(r *Request, err error) error
	AfterReturn func(r *Request, state string, result any, err error) error
	BeforeStart func(r *Request) error
}

// AnyError in AutoretryFor stands for every error, as Exception does.
var AnyError error = &Error{Class: "Exception", Module: "builtins"}

// Task is a registered task.
type Task struct {
	Name string

	app  *App
	fn   *function
	opts TaskOptions

	acksLate, acksOnFailure, acksOnTimeout bool
	ignoreResult, storeErrors              bool
	trackStarted, sendEvents               bool

	mu        sync.Mutex
	rateLimit string // changed by remote control, as the time limits
	hard      time.Duration
	soft      time.Duration

	total atomic.Int64 // how many have started, for stats
}

func (a *App) newTask(name string, fn any, opts TaskOptions) (*Task, error) {
	f, err := newFunction(name, fn, opts.Params)
	if err != nil {
		return nil, err
	}
	if opts, err = a.conf.annotated(name, opts); err != nil {
		return nil, err
	}
	if _, err := parseRate(opts.RateLimit); err != nil {
		return nil, err
	}
	c := &a.conf
	t := &Task{Name: name, app: a, fn: f, opts: opts}
	t.acksLate = (opts.AcksLate || c.TaskAcksLate) && !opts.AcksEarly
	either := firstBool(true, c.TaskAcksOnFailureOrTimeout)
	t.acksOnFailure = firstBool(either, opts.AcksOnFailure, c.TaskAcksOnFailure)
	t.acksOnTimeout = firstBool(either, opts.AcksOnTimeout, c.TaskAcksOnTimeout)
	t.ignoreResult = firstBool(c.TaskIgnoreResult, opts.IgnoreResult)
	t.storeErrors = firstBool(c.TaskStoreErrorsIfIgnored, opts.StoreErrors)
	t.trackStarted = firstBool(c.TaskTrackStarted, opts.TrackStarted)
	t.sendEvents = firstBool(true, opts.SendEvents)
	t.rateLimit = opts.RateLimit
	if t.rateLimit == "" {
		t.rateLimit = c.TaskDefaultRateLimit
	}
	t.hard, t.soft = opts.TimeLimit, opts.SoftTimeLimit
	if t.hard == 0 {
		t.hard = c.TaskTimeLimit
	}
	if t.soft == 0 {
		t.soft = c.TaskSoftTimeLimit
	}
	return t, nil
}

// App returns the app that the task belongs to.
func (t *Task) App() *App { return t.app }

func (t *Task) limits() (hard, soft time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hard, t.soft
}

func (t *Task) setLimits(hard, soft time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hard, t.soft = hard, soft
}

func (t *Task) rate() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rateLimit
}

func (t *Task) setRate(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rateLimit = s
}

// maxRetries returns the limit of retries; ok false means none.
func (t *Task) maxRetries() (n int, ok bool) {
	if t.opts.MaxRetries == nil {
		return 3, true
	}
	return *t.opts.MaxRetries, *t.opts.MaxRetries >= 0
}

func (t *Task) retryDelay() time.Duration {
	if t.opts.DefaultRetryDelay == 0 {
		return 180 * time.Second
	}
	return max(0, t.opts.DefaultRetryDelay)
}
