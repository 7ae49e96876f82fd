package kombu

import (
	"strconv"
	"strings"
)

// keys builds every Redis key and channel name. All of them carry global_keyprefix.
type keys struct {
	prefix  string // global_keyprefix
	sep     string
	steps   []int
	fanout  string // prefix of fanout channels, database filled in
	legacy  string // the same as kombu < 5.4 wrote it for sentinels, "" if not in use
	pattern bool   // routing keys are part of fanout channels

	unacked, index, mutex string
	leases, dead          string
	deadlines             string
}

const (
	bindingPrefix   = "_kombu.binding."
	permanentPrefix = "_kombu.binding_permanent."
	deadlinesKey    = "_kombu.binding_deadlines"
	// idleChannel keeps a connection in subscriber mode while nothing else is subscribed to; nobody publishes on it.
	idleChannel = "_kombu.idle"
)

func newKeys(o *TransportOptions, db int, sentinel bool) *keys {
	k := &keys{prefix: o.GlobalKeyPrefix, sep: o.Sep, steps: o.PrioritySteps, pattern: !o.NoFanoutPatterns}
	if !o.NoFanoutPrefix {
		k.fanout = strings.ReplaceAll(o.FanoutPrefix, "{db}", strconv.Itoa(db))
		if sentinel && o.SentinelFanoutCompat && o.FanoutPrefix != k.fanout {
			k.legacy = o.FanoutPrefix
		}
	}
	k.unacked = k.prefix + o.UnackedKey
	k.index = k.prefix + o.UnackedIndexKey
	k.mutex = k.prefix + o.UnackedMutexKey
	k.leases = k.unacked + ".leases"
	k.dead = k.unacked + ".dead"
	k.deadlines = k.prefix + deadlinesKey
	return k
}

// held is the hash of what one consumer holds.
func (k *keys) held(consumer string) string { return k.unacked + ".held." + consumer }

// binding is the table of an exchange, permanent its twin for queues that never expire.
func (k *keys) binding(exchange string) string   { return k.prefix + bindingPrefix + exchange }
func (k *keys) permanent(exchange string) string { return k.prefix + permanentPrefix + exchange }

// list is the list of a queue for a priority.
func (k *keys) list(queue string, priority int) string {
	return k.stepList(queue, k.step(priority))
}

func (k *keys) stepList(queue string, step int) string {
	if step == 0 {
		return k.prefix + queue
	}
	return k.prefix + queue + k.sep + strconv.Itoa(step)
}

// lists are all lists of a queue, in the order in which they are served.
func (k *keys) lists(queue string) []string {
	out := make([]string, len(k.steps))
	for i, s := range k.steps {
		out[i] = k.stepList(queue, s)
	}
	return out
}

// step is the largest step that does not exceed a priority; below the first step it is the last one, as
// Python's steps[-1].
func (k *keys) step(priority int) int {
	priority = min(max(priority, 0), 9)
	for i := len(k.steps) - 1; i >= 0; i-- {
		if k.steps[i] <= priority {
			return k.steps[i]
		}
	}
	return k.steps[len(k.steps)-1]
}

// queue is the name of the queue that a list belongs to.
func (k *keys) queue(list string) string {
	list = strings.TrimPrefix(list, k.prefix)
	if i := strings.LastIndex(list, k.sep); i >= 0 {
		return list[:i]
	}
	return list
}

// channels are where a fanout message is published.
func (k *keys) channels(exchange, routingKey string) []string {
	tail := exchange
	if routingKey != "" && k.pattern {
		tail += "/" + routingKey
	}
	if k.legacy != "" {
		return []string{k.prefix + k.fanout + tail, k.prefix + k.legacy + tail}
	}
	return []string{k.prefix + k.fanout + tail}
}

// patterns are what a fanout binding subscribes to.
func (k *keys) patterns(b FanoutBinding) []string {
	return k.channels(b.Exchange, strings.ReplaceAll(b.RoutingKey, "#", "*"))
}

// route splits a channel's name into exchange and routing key, as Kombu does.
func (k *keys) route(channel string) (exchange, routingKey string) {
	channel = strings.TrimPrefix(channel, k.prefix)
	if strings.HasPrefix(channel, "/") {
		_, channel, _ = strings.Cut(channel, ".")
	}
	exchange, routingKey, _ = strings.Cut(channel, "/")
	return exchange, routingKey
}

// member is a row of a binding table.
func (k *keys) member(routingKey, pattern, queue string) string {
	return routingKey + k.sep + pattern + k.sep + queue
}
