package celery

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
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
	ResultBackendTransportOptions map[string]any // result_backend_transport_options

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

	// Clock replaces the system's clock in tests.
	Clock Clock
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

// table lists the settings that differ from Celery's defaults, for `inspect conf` and `report`; passwords are masked.
func (c *Config) table() map[string]any {
	m := map[string]any{}
	put := func(key string, v any, isDefault bool) {
		if !isDefault {
			m[key] = v
		}
	}
	m["broker_url"] = maskURL(c.Broker)
	put("result_backend", maskURL(c.ResultBackend), c.ResultBackend == "")
	put("timezone", c.Timezone.String(), c.Timezone == time.UTC)
	put("enable_utc", false, !c.DisableUTC)
	put("broker_transport_options", maskMap(c.BrokerTransportOptions), len(c.BrokerTransportOptions) == 0)
	put("result_backend_transport_options", maskMap(c.ResultBackendTransportOptions), len(c.ResultBackendTransportOptions) == 0)
	put("accept_content", c.AcceptContent, slices.Equal(c.AcceptContent, []string{"json"}))
	put("task_serializer", c.TaskSerializer, c.TaskSerializer == "json")
	put("task_compression", c.TaskCompression, c.TaskCompression == "")
	put("result_serializer", c.ResultSerializer, c.ResultSerializer == "json")
	put("result_compression", c.ResultCompression, c.ResultCompression == "")
	put("event_serializer", c.EventSerializer, c.EventSerializer == "json")
	put("control_exchange", c.ControlExchange, c.ControlExchange == "celery")
	put("event_exchange", c.EventExchange, c.EventExchange == "celeryev")
	put("task_protocol", c.TaskProtocol, c.TaskProtocol == 2)
	put("worker_enable_remote_control", false, !c.RemoteControlOff)
	put("result_extended", true, !c.ResultExtended)
	put("result_expires", seconds(c.ResultExpires), c.ResultExpires == 24*time.Hour)
	put("result_failure_expires", seconds(c.ResultFailureExpires), c.ResultFailureExpires == 0)
	put("result_chord_expires", seconds(c.ResultChordExpires), c.ResultChordExpires == 0)
	put("result_chord_join_timeout", seconds(c.ChordJoinTimeout), c.ChordJoinTimeout == 3*time.Second)
	put("task_default_queue", c.DefaultQueue, c.DefaultQueue == "celery")
	put("task_default_exchange", c.DefaultExchange, c.DefaultExchange == c.DefaultQueue)
	put("task_default_exchange_type", c.DefaultExchangeType, c.DefaultExchangeType == "direct")
	put("task_default_routing_key", c.DefaultRoutingKey, c.DefaultRoutingKey == c.DefaultQueue)
	put("task_default_priority", c.DefaultPriority, c.DefaultPriority == 0)
	for key, on := range map[string]bool{
		"task_send_sent_event":                c.TaskSendSentEvent,
		"task_inherit_parent_priority":        c.TaskInheritPrio,
		"task_allow_error_cb_on_chord_header": c.AllowErrOnHeader,
		"worker_direct":                       c.WorkerDirect, "task_acks_late": c.TaskAcksLate,
		"task_ignore_result":                c.TaskIgnoreResult,
		"task_store_errors_even_if_ignored": c.TaskStoreErrorsIfIgnored, "task_track_started": c.TaskTrackStarted,
		"worker_disable_rate_limits": c.WorkerDisableRateLimits, "worker_send_task_events": c.WorkerSendTaskEvents,
		"worker_enable_soft_shutdown_on_idle": c.WorkerSoftShutdownOnIdle,
		"worker_deduplicate_successful_tasks": c.WorkerDeduplicate,
		"worker_disable_prefetch":             c.WorkerDisablePrefetch,
	} {
		put(key, true, !on)
	}
	for key, p := range map[string]*bool{
		"task_acks_on_failure_or_timeout": c.TaskAcksOnFailureOrTimeout,
		"task_acks_on_failure":            c.TaskAcksOnFailure, "task_acks_on_timeout": c.TaskAcksOnTimeout,
	} {
		if p != nil {
			m[key] = *p
		}
	}
	put("task_time_limit", seconds(c.TaskTimeLimit), c.TaskTimeLimit == 0)
	put("task_soft_time_limit", seconds(c.TaskSoftTimeLimit), c.TaskSoftTimeLimit == 0)
	put("task_default_rate_limit", c.TaskDefaultRateLimit, c.TaskDefaultRateLimit == "")
	put("worker_concurrency", c.WorkerConcurrency, c.WorkerConcurrency == 0)
	put("worker_prefetch_multiplier", c.prefetchMultiplier(), c.prefetchMultiplier() == 4)
	put("worker_eta_task_limit", c.WorkerETATaskLimit, c.WorkerETATaskLimit == 0)
	put("worker_state_db", c.WorkerStateDB, c.WorkerStateDB == "")
	put("worker_soft_shutdown_timeout", seconds(c.WorkerSoftShutdown), c.WorkerSoftShutdown == 0)
	return m
}

// seconds gives a duration as Python's settings hold it; none is null.
func seconds(d time.Duration) any {
	if d < 0 {
		return nil
	}
	return wholeSeconds(d)
}

// maskURL hides the password of one or several URLs.
func maskURL(s string) string {
	parts := strings.Split(s, ";")
	for i, p := range parts {
		scheme, rest, ok := strings.Cut(p, "://")
		if !ok {
			continue
		}
		at := strings.LastIndexByte(rest, '@')
		if at < 0 {
			continue
		}
		user, _, has := strings.Cut(rest[:at], ":")
		if !has {
			continue
		}
		if u, err := url.PathUnescape(user); err == nil {
			user = u
		}
		parts[i] = scheme + "://" + user + ":**" + rest[at:]
	}
	return strings.Join(parts, ";")
}

// maskMap hides the values whose names speak of a secret, as Celery does.
func maskMap(m map[string]any) map[string]any {
	out := maps.Clone(m)
	for k, v := range out {
		up := strings.ToUpper(k)
		for _, word := range []string{"API", "TOKEN", "KEY", "SECRET", "PASS", "SIGNATURE", "DATABASE"} {
			if strings.Contains(up, word) && up != "GLOBAL_KEYPREFIX" && !strings.HasPrefix(up, "UNACKED") {
				out[k] = "********"
			}
		}
		if sub, ok := v.(map[string]any); ok {
			out[k] = maskMap(sub)
		}
	}
	return out
}

// Queue is one of task_queues: a queue, its exchange and its routing key; the latter two default to the queue's name.
type Queue = kombu.Queue

// Exchange is the exchange of a Queue.
type Exchange = kombu.Exchange

// Credentials gives the user and password of the broker before each connect, for tokens that expire.
type Credentials = func(ctx context.Context) (user, password string, err error)
