package celery

import (
	"context"
	"time"

	"healpipe/celery/kombu"
)

// Config holds Celery's settings under the names of its documentation. The zero value of every field means Celery's
// default; for durations a negative value means "none" where there is a default.
type Config struct {
	Name          string // the app's main name, as Celery("tasks")
	Broker        string // broker_url; redis://localhost:6379/0
	ResultBackend string // result_backend: "", a redis URL, or rpc://

	Timezone   *time.Location // timezone; UTC
	DisableUTC bool           // enable_utc: false: dates without an offset are local time

	BrokerTransportOptions        map[string]any // broker_transport_options, by Python's names
	BrokerUseSSL                  map[string]any // broker_use_ssl
	BrokerConnectionTimeout       time.Duration  // broker_connection_timeout; 4 s
	BrokerCredentials             Credentials
	BrokerRetryOff                bool           // broker_connection_retry: false: a broker that is away at the start is an error
	BrokerRetryOnStartup          *bool          // broker_connection_retry_on_startup; as broker_connection_retry
	BrokerMaxRetries              int            // broker_connection_max_retries, at the start; for ever
	ResultBackendTransportOptions map[string]any // result_backend_transport_options
	ResultBackendUseSSL           map[string]any // redis_backend_use_ssl

	AcceptContent     []string // accept_content; json
	TaskSerializer    string   // task_serializer; json
	TaskCompression   string   // task_compression; none
	ResultSerializer  string   // result_serializer; json
	ResultCompression string   // result_compression; none
	EventSerializer   string   // event_serializer; json
	ControlExchange   string   // control_exchange; celery
	EventExchange     string   // event_exchange; celeryev
	TaskProtocol      int      // task_protocol; 2
	RemoteControlOff  bool     // worker_enable_remote_control: false
	TaskSendSentEvent bool     // task_send_sent_event
	TaskInheritPrio   bool     // task_inherit_parent_priority
	AllowErrOnHeader  bool     // task_allow_error_cb_on_chord_header
	ResultExtended    bool     // result_extended

	ResultExpires        time.Duration // result_expires; 24 h, negative: never
	ResultFailureExpires time.Duration // result_failure_expires; as ResultExpires
	ResultChordExpires   time.Duration // result_chord_expires; as ResultExpires
	ChordJoinTimeout     time.Duration // result_chord_join_timeout; 3 s

	DefaultQueue        string   // task_default_queue; celery
	DefaultExchange     string   // task_default_exchange; as the queue
	DefaultExchangeType string   // task_default_exchange_type; direct
	DefaultRoutingKey   string   // task_default_routing_key; as the queue
	DefaultPriority     int      // task_default_priority; 0
	Queues              []Queue  // task_queues
	Routes              []Route  // task_routes, the first match wins
	Routers             []Router // routing functions, asked before Routes
	WorkerDirect        bool     // worker_direct

	TaskMissingQueuesOff         bool   // task_create_missing_queues: false: queues that Queues does not name are an error
	TaskMissingQueueExchangeType string // task_create_missing_queue_exchange_type
	DefaultDeliveryMode          int    // task_default_delivery_mode; 2

	TaskAcksLate               bool          // task_acks_late
	TaskAcksOnFailureOrTimeout *bool         // task_acks_on_failure_or_timeout; true
	TaskAcksOnFailure          *bool         // task_acks_on_failure
	TaskAcksOnTimeout          *bool         // task_acks_on_timeout
	TaskIgnoreResult           bool          // task_ignore_result
	TaskStoreErrorsIfIgnored   bool          // task_store_errors_even_if_ignored
	TaskTrackStarted           bool          // task_track_started
	TaskTimeLimit              time.Duration // task_time_limit
	TaskSoftTimeLimit          time.Duration // task_soft_time_limit
	TaskDefaultRateLimit       string        // task_default_rate_limit
	TaskAlwaysEager            bool          // task_always_eager: calls run at once in the caller, nothing is sent
	TaskEagerPropagates        bool          // task_eager_propagates: such calls return the task's error
	TaskStoreEagerResult       bool          // task_store_eager_result

	// TaskAnnotations are task_annotations: attributes of tasks by their names in Python, for a task's name or "*" for all.
	TaskAnnotations map[string]map[string]any

	WorkerConcurrency        int           // worker_concurrency; the number of CPUs
	WorkerPrefetchMultiplier *int          // worker_prefetch_multiplier; 4, 0 means no limit
	WorkerETATaskLimit       int           // worker_eta_task_limit; none
	WorkerDisableRateLimits  bool          // worker_disable_rate_limits
	WorkerSendTaskEvents     bool          // worker_send_task_events (-E)
	WorkerStateDB            string        // worker_state_db
	WorkerSoftShutdown       time.Duration // worker_soft_shutdown_timeout; none
	WorkerSoftShutdownOnIdle bool          // worker_enable_soft_shutdown_on_idle
	WorkerDeduplicate        bool          // worker_deduplicate_successful_tasks
	WorkerDisablePrefetch    bool          // worker_disable_prefetch

	WorkerCancelOnConnectionLoss bool // worker_cancel_long_running_tasks_on_connection_loss
	WorkerPoolRestarts           bool // worker_pool_restarts: the command pool_restart is answered
	WorkerLogColorOff            bool // worker_log_color: false

	WorkerLogFormat         string // worker_log_format, as for Python's logging: %(asctime)s, %(levelname)s, %(message)s, ...
	WorkerLogDateFormat     string // worker_log_datefmt, as for strftime
	WorkerTaskLogFormat     string // worker_task_log_format: of what tasks log; %(task_name)s and %(task_id)s too
	WorkerTaskLogDateFormat string // worker_task_log_datefmt

	// Clock replaces the system's clock in tests.
	Clock Clock

	redis   map[string]any // redis_socket_timeout and its kin, as transport options
	idle    []string       // settings that mean nothing here, for the worker's log
	applied map[string]any // what ApplySettings was given, for `inspect conf`
}

// withDefaults fills in what has a default.
func (c Config) withDefaults() Config {
	str := func(p *string, def string) {
		if *p == "" {
			*p = def
		}
	}
	str(&c.Broker, "redis://localhost:6379/0")
	str(&c.TaskSerializer, "json")
	str(&c.ResultSerializer, "json")
	str(&c.EventSerializer, "json")
	str(&c.ControlExchange, "celery")
	str(&c.EventExchange, "celeryev")
	str(&c.DefaultQueue, "celery")
	str(&c.DefaultExchange, c.DefaultQueue)
	str(&c.DefaultExchangeType, "direct")
	str(&c.DefaultRoutingKey, c.DefaultQueue)
	if c.Timezone == nil {
		c.Timezone = time.UTC
	}
	if c.AcceptContent == nil {
		c.AcceptContent = []string{"json"}
	}
	if c.TaskProtocol == 0 {
		c.TaskProtocol = 2
	}
	if c.ResultExpires == 0 {
		c.ResultExpires = 24 * time.Hour
	}
	if c.ChordJoinTimeout == 0 {
		c.ChordJoinTimeout = 3 * time.Second
	}
	if c.Clock == nil {
		c.Clock = realClock{}
	}
	return c
}

// startsOnce reports whether a broker that is away at the start is an error.
func (c *Config) startsOnce() bool {
	if c.BrokerRetryOnStartup != nil {
		return !*c.BrokerRetryOnStartup
	}
	return c.BrokerRetryOff
}

func (c *Config) prefetchMultiplier() int {
	if c.WorkerPrefetchMultiplier == nil {
		return 4
	}
	return max(0, *c.WorkerPrefetchMultiplier)
}

// firstBool returns the first that is set.
func firstBool(def bool, ps ...*bool) bool {
	for _, p := range ps {
		if p != nil {
			return *p
		}
	}
	return def
}

// Queue is one of task_queues: a queue, its exchange and its routing key; the latter two default to the queue's name.
type Queue = kombu.Queue

// Exchange is the exchange of a Queue.
type Exchange = kombu.Exchange

// Credentials gives the user and password of the broker before each connect, for tokens that expire.
type Credentials = func(ctx context.Context) (user, password string, err error)
