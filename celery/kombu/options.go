package kombu

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

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
	SocketTimeout         time.Duration // socket_timeout: deadline of one reply; 5 s
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
	SentinelTLS           *TLSOptions   // sentinel_kwargs ssl and ssl_*: how the sentinels themselves are reached
	SentinelFanoutCompat  bool          // sentinel_fanout_compat
	LeaseTimeout          time.Duration // go_lease_timeout: silence after which a consumer counts as dead; 8 s
}

// ParseTransportOptions reads broker_transport_options as a Python dictionary gives them: numbers are
// seconds. Unknown names are returned in unknown, and are no error (Kombu ignores them too).
func ParseTransportOptions(m map[string]any) (o TransportOptions, unknown []string, err error) {
	return parseTransportOptions(m)
}

// withDefaults fills in the zero values and checks the rest.
func (o TransportOptions) withDefaults() (TransportOptions, error) {
	str := func(p *string, def string) {
		if *p == "" {
			*p = def
		}
	}
	dur := func(p *time.Duration, def time.Duration) {
		if *p <= 0 {
			*p = def
		}
	}
	str(&o.Sep, "\x06\x16")
	str(&o.UnackedKey, "unacked")
	str(&o.UnackedIndexKey, "unacked_index")
	str(&o.UnackedMutexKey, "unacked_mutex")
	str(&o.FanoutPrefix, "/{db}.")
	str(&o.QueueOrderStrategy, "round_robin")
	str(&o.BodyEncoding, "base64")
	dur(&o.UnackedMutexExpire, 300*time.Second)
	dur(&o.VisibilityTimeout, time.Hour)
	dur(&o.RestoreInterval, 10*time.Second)
	dur(&o.SocketTimeout, 5*time.Second)
	dur(&o.SocketConnectTimeout, 4*time.Second)
	dur(&o.SocketKeepalivePeriod, 15*time.Second)
	dur(&o.HealthCheckInterval, 25*time.Second)
	dur(&o.LeaseTimeout, 8*time.Second)
	if o.RestoreThrottle <= 0 {
		o.RestoreThrottle = 10
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 10
	}
	if len(o.PrioritySteps) == 0 {
		o.PrioritySteps = []int{0, 3, 6, 9}
	}
	if !slices.IsSorted(o.PrioritySteps) {
		return o, fmt.Errorf("%w: priority_steps must be in ascending order, not %v", ErrConfig, o.PrioritySteps)
	}
	switch o.QueueOrderStrategy {
	case "round_robin", "sorted", "priority":
	default:
		return o, fmt.Errorf("%w: queue_order_strategy is round_robin, sorted or priority, not %q", ErrConfig, o.QueueOrderStrategy)
	}
	switch o.BodyEncoding {
	case "base64", "utf-8", "none":
	default:
		return o, fmt.Errorf("%w: body_encoding is base64 or utf-8, not %q", ErrConfig, o.BodyEncoding)
	}
	return o, nil
}

// renewal is how often scores are renewed: well within our own visibility timeout, and often enough for a peer with
// a much shorter one, as the shortest in the fleet counts for all.
func (o *TransportOptions) renewal() time.Duration {
	return min(o.VisibilityTimeout/4, 20*time.Second)
}

func parseTransportOptions(m map[string]any) (o TransportOptions, unknown []string, err error) {
	fail := func(key, want string, v any) {
		if err == nil {
			err = fmt.Errorf("%w: transport option %s must be %s, not %v", ErrConfig, key, want, v)
		}
	}
	names := slices.Sorted(maps.Keys(m))
	for _, key := range names {
		v := m[key]
		if v == nil {
			continue
		}
		text := func(p *string) {
			s, ok := v.(string)
			if !ok {
				fail(key, "text", v)
			}
			*p = s
		}
		integer := func(p *int) {
			f, ok := number(v)
			if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<31 {
				fail(key, "an integer", v)
				return
			}
			*p = int(f)
		}
		seconds := func(p *time.Duration) {
			f, ok := number(v)
			if !ok || !(f >= 0 && f < 1e9) {
				fail(key, "a number of seconds", v)
				return
			}
			*p = time.Duration(f * float64(time.Second))
		}
		not := func(p *bool) {
			b, ok := v.(bool)
			if !ok {
				fail(key, "true or false", v)
			}
			*p = !b
		}
		yes := func(p *bool) {
			not(p)
			*p = !*p
		}
		switch key {
		case "sep":
			text(&o.Sep)
		case "priority_steps":
			o.PrioritySteps = integers(v)
			if o.PrioritySteps == nil {
				fail(key, "a list of integers", v)
			}
		case "unacked_key":
			text(&o.UnackedKey)
		case "unacked_index_key":
			text(&o.UnackedIndexKey)
		case "unacked_mutex_key":
			text(&o.UnackedMutexKey)
		case "unacked_mutex_expire":
			seconds(&o.UnackedMutexExpire)
		case "visibility_timeout":
			seconds(&o.VisibilityTimeout)
		case "unacked_restore_limit":
			integer(&o.RestoreLimit)
		case "unacked_restore_interval":
			seconds(&o.RestoreInterval)
		case "unacked_restore_throttle":
			integer(&o.RestoreThrottle)
		case "fanout_prefix":
			if b, ok := v.(bool); ok {
				o.NoFanoutPrefix = !b
			} else {
				text(&o.FanoutPrefix)
				o.NoFanoutPrefix = o.FanoutPrefix == ""
			}
		case "fanout_patterns":
			not(&o.NoFanoutPatterns)
		case "global_keyprefix":
			text(&o.GlobalKeyPrefix)
		case "queue_order_strategy":
			text(&o.QueueOrderStrategy)
		case "ack_emulation":
			not(&o.NoAckEmulation)
		case "socket_timeout":
			seconds(&o.SocketTimeout)
		case "socket_connect_timeout":
			seconds(&o.SocketConnectTimeout)
		case "socket_keepalive":
			not(&o.NoSocketKeepalive)
		case "socket_keepalive_options":
			o.SocketKeepalivePeriod = keepIdle(v)
		case "max_connections":
			integer(&o.MaxConnections)
		case "health_check_interval":
			seconds(&o.HealthCheckInterval)
		case "retry_on_timeout":
			yes(&o.RetryOnTimeout)
		case "client_name":
			text(&o.ClientName)
		case "body_encoding":
			text(&o.BodyEncoding)
		case "deadletter_queue":
			text(&o.DeadLetterQueue)
		case "master_name":
			text(&o.MasterName)
		case "min_other_sentinels":
			integer(&o.MinOtherSentinels)
		case "sentinel_kwargs":
			kw, ok := v.(map[string]any)
			if !ok {
				fail(key, "a dictionary", v)
			}
			if e := o.sentinelKwargs(kw); e != nil && err == nil {
				err = e
			}
		case "sentinel_fanout_compat":
			yes(&o.SentinelFanoutCompat)
		case "go_lease_timeout":
			seconds(&o.LeaseTimeout)
		case "polling_interval", "reauth_check_interval":
			// They tune Kombu's polling, which there is none of here.
		default:
			unknown = append(unknown, key)
		}
	}
	if err == nil {
		_, err = o.withDefaults()
	}
	return o, unknown, err
}

// sentinelKwargs reads redis-py's arguments for the connections to the sentinels; those about sockets are the transport's.
func (o *TransportOptions) sentinelKwargs(kw map[string]any) error {
	o.SentinelUser, _ = kw["username"].(string)
	o.SentinelPassword, _ = kw["password"].(string)
	if on, _ := kw["ssl"].(bool); !on {
		return nil
	}
	secure := map[string]any{}
	for k, v := range kw {
		if strings.HasPrefix(k, "ssl_") {
			secure[k] = v
		}
	}
	var err error
	if o.SentinelTLS, err = parseTLSOptions(secure); err != nil {
		return fmt.Errorf("sentinel_kwargs: %w", err)
	}
	return nil
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func integers(v any) []int {
	if s, ok := v.([]int); ok {
		return s
	}
	list, _ := v.([]any)
	var out []int
	for _, e := range list {
		f, ok := number(e)
		if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<31 {
			return nil
		}
		out = append(out, int(f))
	}
	return out
}

// keepIdle reads TCP_KEEPIDLE, which a Python dictionary holds under its Linux number 4.
func keepIdle(v any) time.Duration {
	m, _ := v.(map[string]any)
	for _, key := range []string{"4", "TCP_KEEPIDLE"} {
		if f, ok := number(m[key]); ok && f > 0 && f < 1e6 {
			return time.Duration(f * float64(time.Second))
		}
	}
	return 0
}
