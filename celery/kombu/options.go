package kombu

import "time"

// TransportOptions are Celery's broker_transport_options for Redis (Kombu 5.7). Zero values mean the
// defaults in the comments.
type TransportOptions struct {
	Sep                   string        // sep: between list name and priority step; "\x06\x16"
	PrioritySteps         []int         // priority_steps; 0, 3, 6, 9
	UnackedKey            string        // unacked_key; "unacked"
	UnackedIndexKey       string        // unacked_index_key; "unacked_index"
	UnackedMutexKey       string        // unacked_mutex_key; "unacked_mutex"
	UnackedMutexExpire    time.Duration // unacked_mutex_expire; 300 s
	VisibilityTimeout     time.Duration // visibility_timeout; 1 h
	RestoreLimit          int           // unacked_restore_limit; 0 is no limit
	RestoreInterval       time.Duration // unacked_restore_interval; 10 s
	RestoreThrottle       int           // unacked_restore_throttle: sweep every so many intervals; 10
	FanoutPrefix          string        // fanout_prefix as text; "/{db}."
	NoFanoutPrefix        bool          // fanout_prefix: false
	NoFanoutPatterns      bool          // fanout_patterns: false
	GlobalKeyPrefix       string        // global_keyprefix; none
	QueueOrderStrategy    string        // queue_order_strategy: round_robin (default), sorted or priority
	NoAckEmulation        bool          // ack_emulation: false
	SocketTimeout         time.Duration // socket_timeout: deadline of one reply; 10 s
	SocketConnectTimeout  time.Duration // socket_connect_timeout; 4 s
	NoSocketKeepalive     bool          // socket_keepalive: false
	SocketKeepalivePeriod time.Duration // socket_keepalive_options TCP_KEEPIDLE; 15 s
	MaxConnections        int           // max_connections: kept for compatibility, calls share one connection
	HealthCheckInterval   time.Duration // health_check_interval; 25 s, at most 3 s are used
	RetryOnTimeout        bool          // retry_on_timeout: always on here
	ClientName            string        // client_name
	BodyEncoding          string        // body_encoding; "base64"
	DeadLetterQueue       string        // deadletter_queue: takes messages that no queue is bound for
	MasterName            string        // master_name (sentinel)
	MinOtherSentinels     int           // min_other_sentinels
	SentinelUser          string        // sentinel_kwargs username
	SentinelPassword      string        // sentinel_kwargs password
	SentinelFanoutCompat  bool          // sentinel_fanout_compat
	LeaseTimeout          time.Duration // go_lease_timeout: silence after which a consumer counts as dead; 8 s
}

// ParseTransportOptions reads broker_transport_options as a Python dictionary gives them: numbers are
// seconds. Unknown names are returned in unknown, and are no error (Kombu ignores them too).
func ParseTransportOptions(m map[string]any) (o TransportOptions, unknown []string, err error) {
	return parseTransportOptions(m)
}
