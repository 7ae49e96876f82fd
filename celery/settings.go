package celery

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// table lists the settings for `inspect conf` and `report`: those that differ from Celery's defaults, with all also
// those that do not. Passwords are masked.
func (c *Config) table(all bool) map[string]any {
	// A Python worker always has these three.
	m := map[string]any{"worker_disable_prefetch": c.WorkerDisablePrefetch, "deprecated_settings": nil, "include": []any{"celery.app.builtins"}}
	if c.Name != "" {
		m["include"] = []any{c.Name, "celery.app.builtins"}
	}
	maps.Copy(m, maskMap(c.applied))
	put := func(key string, v any, isDefault bool) {
		if all || !isDefault {
			m[key] = v
		}
	}
	m["broker_url"] = brokerURI(c.Broker)
	put("result_backend", orNil(maskWith(c.ResultBackend, hidden)), c.ResultBackend == "")
	put("timezone", c.Timezone.String(), c.Timezone == time.UTC)
	put("enable_utc", !c.DisableUTC, !c.DisableUTC)
	put("broker_use_ssl", maskMap(c.BrokerUseSSL), len(c.BrokerUseSSL) == 0)
	put("redis_backend_use_ssl", maskMap(c.ResultBackendUseSSL), len(c.ResultBackendUseSSL) == 0)
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
	put("worker_enable_remote_control", !c.RemoteControlOff, !c.RemoteControlOff)
	put("result_extended", c.ResultExtended, !c.ResultExtended)
	if put("result_expires", seconds(c.ResultExpires), c.ResultExpires == 24*time.Hour); c.ResultExpires == 24*time.Hour && all {
		m["result_expires"] = "1 day, 0:00:00" // a timedelta, which has no JSON form
	}
	put("result_failure_expires", seconds(c.ResultFailureExpires), c.ResultFailureExpires == 0)
	put("result_chord_expires", seconds(c.ResultChordExpires), c.ResultChordExpires == 0)
	put("result_chord_join_timeout", seconds(c.ChordJoinTimeout), c.ChordJoinTimeout == 3*time.Second)
	put("task_default_queue", c.DefaultQueue, c.DefaultQueue == "celery")
	put("task_default_exchange", c.DefaultExchange, c.DefaultExchange == c.DefaultQueue)
	put("task_default_exchange_type", c.DefaultExchangeType, c.DefaultExchangeType == "direct")
	put("task_default_routing_key", hidden, c.DefaultRoutingKey == c.DefaultQueue)
	put("task_default_priority", c.DefaultPriority, c.DefaultPriority == 0)
	for key, on := range map[string]bool{
		"task_send_sent_event":                c.TaskSendSentEvent,
		"task_inherit_parent_priority":        c.TaskInheritPrio,
		"task_allow_error_cb_on_chord_header": c.AllowErrOnHeader,
		"task_always_eager":                   c.TaskAlwaysEager, "task_eager_propagates": c.TaskEagerPropagates, "task_store_eager_result": c.TaskStoreEagerResult,
		"worker_direct": c.WorkerDirect, "task_acks_late": c.TaskAcksLate,
		"task_ignore_result":                c.TaskIgnoreResult,
		"task_store_errors_even_if_ignored": c.TaskStoreErrorsIfIgnored, "task_track_started": c.TaskTrackStarted,
		"worker_pool_restarts":       c.WorkerPoolRestarts,
		"worker_disable_rate_limits": c.WorkerDisableRateLimits, "worker_send_task_events": c.WorkerSendTaskEvents,
		"worker_enable_soft_shutdown_on_idle":                 c.WorkerSoftShutdownOnIdle,
		"worker_deduplicate_successful_tasks":                 c.WorkerDeduplicate,
		"worker_cancel_long_running_tasks_on_connection_loss": c.WorkerCancelOnConnectionLoss,
	} {
		put(key, on, !on)
	}
	for key, p := range map[string]*bool{
		"task_acks_on_failure_or_timeout": c.TaskAcksOnFailureOrTimeout,
		"task_acks_on_failure":            c.TaskAcksOnFailure, "task_acks_on_timeout": c.TaskAcksOnTimeout,
	} {
		switch {
		case p != nil:
			m[key] = *p
		case all:
			m[key] = nil
		}
	}
	if all && c.TaskAcksOnFailureOrTimeout == nil {
		m["task_acks_on_failure_or_timeout"] = true
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

// Applied returns what ApplySettings was given, by the settings' names in Celery's documentation. Passwords are masked.
func (c *Config) Applied() map[string]any { return maskMap(c.applied) }

// seconds gives a duration as Python's settings hold it; none is null.
func seconds(d time.Duration) any {
	if d < 0 {
		return nil
	}
	return wholeSeconds(d)
}

// hidden stands for what is not to be shown in settings; URLs in the log and the banner have "**".
const hidden = "********"

// maskURL hides the password of one or several URLs.
func maskURL(s string) string { return maskWith(s, "**") }

func maskWith(s, mask string) string {
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
		parts[i] = scheme + "://" + user + ":" + mask + rest[at:]
	}
	return strings.Join(parts, ";")
}

// brokerURI is broker_url as Kombu's Connection writes it: of several URLs the first, always with a user and password,
// a port and a virtual host, without a query.
func brokerURI(s string) string {
	s, _, _ = strings.Cut(s, ";")
	u, err := url.Parse(s)
	if err != nil || strings.HasSuffix(u.Scheme, "socket") {
		s, _, _ = strings.Cut(s, "?")
		return maskWith(s, hidden)
	}
	port := orDefault(u.Port(), "6379")
	if u.Scheme == "sentinel" && u.Port() == "" {
		port = "26379"
	}
	vhost := "/"
	if db := strings.TrimPrefix(u.Path, "/"); db != "" {
		vhost = url.PathEscape(db)
	}
	return u.Scheme + "://" + url.PathEscape(u.User.Username()) + ":" + hidden + "@" + url.QueryEscape(orDefault(u.Hostname(), "localhost")) + ":" + port + "/" + vhost
}

// maskMap hides the values whose names speak of a secret, as Celery does.
func maskMap(m map[string]any) map[string]any { return maskBut(m) }

// maskBut is maskMap that leaves names which begin so.
func maskBut(m map[string]any, shown ...string) map[string]any {
	out := maps.Clone(m)
	for k, v := range out {
		if slices.ContainsFunc(shown, func(p string) bool { return strings.HasPrefix(k, p) }) {
			continue
		}
		up := strings.ToUpper(k)
		for _, word := range []string{"API", "TOKEN", "KEY", "SECRET", "PASS", "SIGNATURE", "DATABASE"} {
			if strings.Contains(up, word) {
				out[k] = hidden
			}
		}
		if sub, ok := asMap(v); ok {
			out[k] = maskBut(sub, shown...)
		}
	}
	return out
}
