package celery

import (
	"context"
	"time"

	"healpipe/celery/kombu"
)

// replyTTL is how long a reply may wait for a client that has gone: Python's workers leave such lists for ever.
const replyTTL = 24 * time.Hour

// rpcBackend sends each state as a message to the client's own queue, as Celery's rpc:// does.
type rpcBackend struct {
	app  *App
	conn *kombu.Connection
}

func newRPCBackend(a *App, conn *kombu.Connection) *rpcBackend {
	return &rpcBackend{app: a, conn: conn}
}

func (b *rpcBackend) uri() string      { return "rpc://" }
func (b *rpcBackend) persistent() bool { return false }
func (b *rpcBackend) close() error     { return nil }

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

// get has nothing to look up: rpc results exist only in the messages to the client that asked.
func (b *rpcBackend) get(context.Context, string) (map[string]any, error) { return nil, nil }
