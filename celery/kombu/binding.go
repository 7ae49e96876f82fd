package kombu

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// minBindingTTL is how long the table of an expiring queue is kept at least (Kombu 5.7).
const minBindingTTL = time.Hour

// complete fills in a queue's defaults.
func (q Queue) complete() Queue {
	if q.Exchange.Name == "" {
		q.Exchange.Name = q.Name
		if q.RoutingKey == "" {
			q.RoutingKey = q.Name
		}
	}
	if q.Exchange.Type == "" {
		q.Exchange.Type = Direct
	}
	return q
}

// topicPattern is the regular expression that Kombu stores for a topic binding: * is one word, # any text.
func topicPattern(routingKey string) string {
	words := strings.Split(routingKey, ".")
	for i, w := range words {
		switch w {
		case "*":
			words[i] = `[^\.]+`
		case "#":
			words[i] = ".*?"
		default:
			words[i] = escapePattern(w)
		}
	}
	return "^" + strings.Join(words, `\.`) + "$"
}

// escapePattern escapes what is not a letter or digit, except wildcards inside a word, as Kombu does.
func escapePattern(word string) string {
	var b strings.Builder
	for _, r := range word {
		switch {
		case r == 0:
			b.WriteString(`\000`)
			continue
		case r < 0x80 && !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '*' || r == '#' || r == '.'):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// matches reports whether a binding takes a routing key. Topic bindings are known by their pattern.
func (b Binding) matches(routingKey string, t ExchangeType) bool {
	switch {
	case t == Fanout:
		return true
	case b.Pattern == "":
		return b.RoutingKey == routingKey
	}
	// Python's re.match anchors at the start and its $ also matches before a last newline; both come
	// to the same for routing keys.
	re, err := regexp.Compile(b.Pattern)
	if err != nil {
		// Kombu up to 5.6 and Go differ in little; what Go can't compile is matched by its routing key.
		if re, err = regexp.Compile(topicPattern(b.RoutingKey)); err != nil {
			return b.RoutingKey == routingKey
		}
	}
	return re.MatchString(routingKey)
}

func (k *keys) parseMember(member string) (Binding, bool) {
	p := strings.Split(member, k.sep)
	if len(p) != 3 {
		return Binding{}, false
	}
	return Binding{p[0], p[1], p[2]}, true
}

func (c *Connection) bindings(ctx context.Context, exchange string) ([]Binding, error) {
	members, err := redis.Strings(c.do(ctx, true, "SMEMBERS", c.keys.binding(exchange)))
	if err != nil {
		return nil, fmt.Errorf("bindings of exchange %q: %w", exchange, err)
	}
	var out []Binding
	for _, m := range members {
		if b, ok := c.keys.parseMember(m); ok {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b Binding) int {
		return strings.Compare(a.Queue+"\x00"+a.RoutingKey, b.Queue+"\x00"+b.RoutingKey)
	})
	return out, nil
}

// lookup returns the queues that a message goes to; none gives ErrUnroutable unless there is a dead-letter queue.
func (c *Connection) lookup(ctx context.Context, ex Exchange, routingKey string) ([]string, error) {
	if ex.Name == "" {
		if routingKey == "" {
			routingKey = c.opt.DeadLetterQueue
		}
		if routingKey == "" {
			return nil, fmt.Errorf("%w: neither exchange nor routing key", ErrUnroutable)
		}
		return []string{routingKey}, nil
	}
	table, err := c.bindings(ctx, ex.Name)
	if err != nil {
		return nil, err
	}
	var queues []string
	for _, b := range table {
		if b.Queue != "" && b.matches(routingKey, ex.Type) && !slices.Contains(queues, b.Queue) {
			queues = append(queues, b.Queue)
		}
	}
	if len(queues) == 0 {
		if c.opt.DeadLetterQueue != "" {
			return []string{c.opt.DeadLetterQueue}, nil
		}
		return nil, fmt.Errorf("%w to exchange %q with routing key %q", ErrUnroutable, ex.Name, routingKey)
	}
	return queues, nil
}

func (c *Connection) declare(ctx context.Context, queues []Queue) error {
	c.mu.Lock()
	for _, q := range queues {
		if q.Expires > 0 {
			c.expiry[q.Name] = q.Expires
		} else {
			delete(c.expiry, q.Name)
		}
	}
	c.mu.Unlock()
	if _, err := c.pipeline(ctx, c.declarations(queues)); err != nil {
		return fmt.Errorf("declare queues: %w", err)
	}
	return nil
}

// prolong makes the lists of a queue with x-expires live on; there are none for other queues.
func (c *Connection) prolong(queue string) []*call {
	c.mu.Lock()
	expires := c.expiry[queue]
	c.mu.Unlock()
	if expires <= 0 {
		return nil
	}
	var calls []*call
	for _, l := range c.keys.lists(queue) {
		calls = append(calls, &call{cmd: "PEXPIRE", args: []any{l, expires.Milliseconds()}, idem: true})
	}
	return calls
}

// declareOn declares on a connection of the caller's.
func (c *Connection) declareOn(conn redis.Conn, queues []Queue, timeout time.Duration) error {
	if err := load(conn, bindScript); err != nil {
		return err
	}
	calls := c.declarations(queues)
	for _, one := range calls {
		if err := conn.Send(one.cmd, one.args...); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	for range calls {
		if _, err := redis.ReceiveWithTimeout(conn, timeout); err != nil {
			return fmt.Errorf("declare queues: %w", err)
		}
	}
	return nil
}

// declarations are the commands that write the bindings of queues.
func (c *Connection) declarations(queues []Queue) []*call {
	var calls []*call
	for _, q := range queues {
		q = q.complete()
		pattern := ""
		if q.Exchange.Type == Topic {
			pattern = topicPattern(q.RoutingKey)
		}
		member := c.keys.member(q.RoutingKey, pattern, q.Name)
		table := c.keys.binding(q.Exchange.Name)
		if q.Expires > 0 {
			ttl := max(2*q.Expires, minBindingTTL).Milliseconds()
			calls = append(calls, bindScript.call([]string{table, c.keys.deadlines}, []any{member, q.Exchange.Name, ttl}))
			continue
		}
		calls = append(calls,
			&call{cmd: "SADD", args: []any{table, member}, idem: true},
			&call{cmd: "SADD", args: []any{c.keys.permanent(q.Exchange.Name), member}, idem: true})
	}
	return calls
}

func (c *Connection) deleteQueue(ctx context.Context, q Queue) error {
	q = q.complete()
	pattern := ""
	if q.Exchange.Type == Topic {
		pattern = topicPattern(q.RoutingKey)
	}
	member := c.keys.member(q.RoutingKey, pattern, q.Name)
	calls := []*call{
		{cmd: "SREM", args: []any{c.keys.binding(q.Exchange.Name), member}, idem: true},
		{cmd: "SREM", args: []any{c.keys.permanent(q.Exchange.Name), member}, idem: true},
	}
	for _, l := range c.keys.lists(q.Name) {
		calls = append(calls, &call{cmd: "DEL", args: []any{l}, idem: true})
	}
	if _, err := c.pipeline(ctx, calls); err != nil {
		return fmt.Errorf("delete queue %s: %w", q.Name, err)
	}
	return nil
}
