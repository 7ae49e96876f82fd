package celery

import (
	"context"
	"sync"
	"time"

	"healpipe/celery/kombu"
)

// replyTTL is how long a reply may wait for a client that has gone: Python's workers leave such lists for ever.
const replyTTL = 24 * time.Hour

// rpcBackend sends each state as a message to the client's own queue, as Celery's rpc:// does.
type rpcBackend struct {
	app  *App
	conn *kombu.Connection

	mu       sync.Mutex
	consumer *kombu.Consumer // of a client that reads results
	done     chan struct{}
	states   map[string]map[string]any // the latest of each task
	news     chan struct{}             // closed and renewed with every state
}

// rpcStates is how many tasks' states a client keeps.
const rpcStates = 100_000

func newRPCBackend(a *App, conn *kombu.Connection) *rpcBackend {
	return &rpcBackend{app: a, conn: conn, states: map[string]map[string]any{}, news: make(chan struct{})}
}

func (b *rpcBackend) uri() string      { return "rpc://" }
func (b *rpcBackend) persistent() bool { return false }

func (b *rpcBackend) put(ctx context.Context, m resultMeta) error {
	if m.req == nil || m.req.ReplyTo == "" {
		return nil
	}
	msg := &kombu.Message{Properties: kombu.Properties{CorrelationID: m.req.CorrelationID, DeliveryMode: 1}}
	if err := msg.Encode(m.body, b.app.conf.ResultSerializer, b.app.conf.ResultCompression); err != nil {
		return &Error{Class: "EncodeError", Module: "kombu.exceptions", Args: []any{err.Error()}, Cause: err}
	}
	ttl := max(b.app.conf.expiry(m.state), time.Minute)
	if b.app.conf.ResultExpires < 0 {
		ttl = replyTTL
	}
	return b.conn.PublishBatch(ctx, []kombu.Publication{{RoutingKey: m.req.ReplyTo, Message: msg, QueueTTL: ttl}})
}

// listen starts to receive the states of this client's own tasks.
func (b *rpcBackend) listen(ctx context.Context) error {
	if b.consumer != nil {
		return nil
	}
	q := kombu.Queue{Name: b.app.oid, Exchange: kombu.Exchange{Name: b.app.oid, Type: kombu.Direct}, RoutingKey: b.app.oid, Expires: replyTTL}
	c, err := b.conn.Consume(context.WithoutCancel(ctx), kombu.ConsumerOptions{Queues: []kombu.Queue{q}})
	if err != nil {
		return err
	}
	b.consumer, b.done = c, make(chan struct{})
	go b.run(c)
	return nil
}

func (b *rpcBackend) run(c *kombu.Consumer) {
	defer close(b.done)
	for d := range c.Deliveries() {
		v, err := d.Message.Decode(b.app.accept)
		d.Ack()
		meta, ok := v.(map[string]any)
		if err != nil || !ok {
			continue
		}
		b.mu.Lock()
		id := orDefault(fields(meta).str("task_id"), d.Message.Properties.CorrelationID)
		if len(b.states) >= rpcStates {
			clear(b.states)
		}
		b.states[id] = meta
		close(b.news)
		b.news = make(chan struct{})
		b.mu.Unlock()
	}
}

// get returns the latest state that has arrived.
func (b *rpcBackend) get(ctx context.Context, id string) (map[string]any, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.listen(ctx); err != nil {
		return nil, err
	}
	return b.states[id], nil
}

func (b *rpcBackend) wait(ctx context.Context, id string, seen func(map[string]any)) (map[string]any, error) {
	seen = withoutRepeats(seen)
	for {
		b.mu.Lock()
		err := b.listen(ctx)
		meta, news := b.states[id], b.news
		b.mu.Unlock()
		if err != nil {
			return nil, err
		}
		seen(meta)
		if ReadyState(fields(meta).str("status")) {
			return meta, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-news:
		}
	}
}

func (b *rpcBackend) forget(_ context.Context, r *AsyncResult) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.states, r.ID)
	return nil
}

func (b *rpcBackend) close() error {
	b.mu.Lock()
	c, done := b.consumer, b.done
	b.mu.Unlock()
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), replyTimeout)
	defer cancel()
	err := c.Close(ctx)
	<-done
	return err
}
