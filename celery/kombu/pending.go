package kombu

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// This file holds what is not filled in yet; it disappears function by function.

var errPending = errors.New("kombu: not filled in yet")

// Connection is a broker connection. It is safe for concurrent use.
type Connection struct {
	opt    TransportOptions
	target *target
}

type target struct{}

func (t *target) String() string { return "" }
func (t *target) info() Info     { return Info{} }

// Consumer takes messages from queues and holds them until they are settled. It is safe for concurrent use.
type Consumer struct{ out chan *Delivery }

// Subscription is a set of fanout exchanges that are listened to.
type Subscription struct {
	out     chan *Event
	dropped atomic.Uint64
}

// Listener is a subscription to plain channels.
type Listener struct{ out chan ChannelMessage }

type settlement int

const (
	settleAck settlement = iota
	settleRequeue
)

func parseAccept(names []string) (Accept, error)                { return nil, errPending }
func (m *Message) decode(accept Accept) (any, error)            { return nil, errPending }
func (m *Message) payload(accept Accept) ([]byte, error)        { return nil, errPending }
func (m *Message) encode(v any, serializer, comp string) error  { return errPending }
func serialize(v any, s string) ([]byte, string, string, error) { return nil, "", "", errPending }
func deserialize(data []byte, ct, ce string, accept Accept) (any, error) {
	return nil, errPending
}
func decodeJSON(data []byte) (any, error)                     { return nil, errPending }
func appendJSON(dst []byte, v any, depth int) ([]byte, error) { return nil, errPending }
func parseTLSOptions(m map[string]any) (*TLSOptions, error)   { return nil, errPending }
func dial(ctx context.Context, url string, opts Options) (*Connection, error) {
	return nil, errPending
}
func (c *Connection) ping(ctx context.Context) error                         { return errPending }
func (c *Connection) close() error                                           { return errPending }
func (c *Connection) publish(ctx context.Context, batch []Publication) error { return errPending }
func (c *Connection) publishCount(ctx context.Context, ex Exchange, rk string, m *Message) (int, error) {
	return 0, errPending
}
func (c *Connection) declare(ctx context.Context, queues []Queue) error   { return errPending }
func (c *Connection) queueLen(ctx context.Context, q string) (int, error) { return 0, errPending }
func (c *Connection) purge(ctx context.Context, q string) (int, error)    { return 0, errPending }
func (c *Connection) deleteQueue(ctx context.Context, q Queue) error      { return errPending }
func (c *Connection) bindings(ctx context.Context, ex string) ([]Binding, error) {
	return nil, errPending
}
func (c *Connection) get(ctx context.Context, q string) (*Message, error) { return nil, errPending }
func (c *Connection) deadLetters(ctx context.Context, n int) ([]DeadLetter, error) {
	return nil, errPending
}
func (c *Connection) consume(ctx context.Context, o ConsumerOptions) (*Consumer, error) {
	return nil, errPending
}
func (c *Connection) subscribe(ctx context.Context, o SubscribeOptions) (*Subscription, error) {
	return nil, errPending
}
func (c *Connection) eval(ctx context.Context, s *Script, keys []string, args ...any) (any, error) {
	return nil, errPending
}
func (c *Connection) do(ctx context.Context, idem bool, cmd string, args ...any) (any, error) {
	return nil, errPending
}

func (c *Consumer) setPrefetch(n int)                                 {}
func (c *Consumer) getPrefetch() int                                  { return 0 }
func (c *Consumer) setRefill(n int)                                   {}
func (c *Consumer) heldCount() int                                    { return 0 }
func (c *Consumer) addQueue(ctx context.Context, q Queue) error       { return errPending }
func (c *Consumer) cancelQueue(name string) bool                      { return false }
func (c *Consumer) queueList() []Queue                                { return nil }
func (c *Consumer) pause(ctx context.Context) error                   { return errPending }
func (c *Consumer) resume()                                           {}
func (c *Consumer) release(ctx context.Context, ds []*Delivery) error { return errPending }
func (c *Consumer) flush(ctx context.Context) error                   { return errPending }
func (c *Consumer) shutdown(ctx context.Context) error                { return errPending }
func (c *Consumer) settle(d *Delivery, s settlement, done chan error) {}
func (c *Consumer) settleWait(ctx context.Context, d *Delivery, s settlement) error {
	return errPending
}
func (d *Delivery) settled() bool { return d.state != 0 }

func (s *Subscription) add(ctx context.Context, b []FanoutBinding) error    { return errPending }
func (s *Subscription) remove(ctx context.Context, b []FanoutBinding) error { return errPending }
func (s *Subscription) close() error                                        { return errPending }

func newScript(name, src string, idempotent bool) *Script { return &Script{name: name, src: src} }
func (r *Redis) get(ctx context.Context, key string) ([]byte, bool, error) {
	return nil, false, errPending
}
func (r *Redis) mget(ctx context.Context, keys []string) ([][]byte, error) { return nil, errPending }
func (r *Redis) set(ctx context.Context, key string, v []byte, ttl time.Duration) error {
	return errPending
}
func (r *Redis) del(ctx context.Context, keys []string) (int, error) { return 0, errPending }
func (r *Redis) expire(ctx context.Context, key string, ttl time.Duration) error {
	return errPending
}
func (r *Redis) storeResult(ctx context.Context, key string, v []byte, ttl time.Duration) (bool, error) {
	return false, errPending
}
func (r *Redis) publish(ctx context.Context, ch string, data []byte) (int, error) {
	return 0, errPending
}
func (r *Redis) listen(ctx context.Context) (*Listener, error)               { return nil, errPending }
func (l *Listener) subscribe(ctx context.Context, channels []string) error   { return errPending }
func (l *Listener) unsubscribe(ctx context.Context, channels []string) error { return errPending }
func (l *Listener) close() error                                             { return errPending }
func parseTransportOptions(m map[string]any) (TransportOptions, []string, error) {
	return TransportOptions{}, nil, errPending
}
