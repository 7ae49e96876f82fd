package kombu

import (
	"context"
	"time"
)

// Redis is plain access to the server, for the result backend. Keys are taken as they are, without
// global_keyprefix. Calls are safe for concurrent use and share round trips; while the server is away they wait
// for it until ctx ends. Those marked idempotent are sent again after a broken connection.
type Redis struct{ c *Connection }

// Redis returns plain access to the connection's database.
func (c *Connection) Redis() *Redis { return &Redis{c} }

// Script is a Lua script that is sent by its SHA-1 once the server knows it.
type Script struct {
	name, src, sha string
	idempotent     bool
}

// NewScript makes a script; name is for error messages. idempotent means that running it twice does no
// harm, so it is sent again when the connection breaks before the reply.
func NewScript(name, src string, idempotent bool) *Script { return newScript(name, src, idempotent) }

// Eval runs a script. The reply is nil, int64, []byte, string (status) or []any.
func (r *Redis) Eval(ctx context.Context, s *Script, keys []string, args ...any) (any, error) {
	return r.c.eval(ctx, s, keys, args...)
}

// Do runs any command; idempotent as in NewScript.
func (r *Redis) Do(ctx context.Context, idempotent bool, command string, args ...any) (any, error) {
	return r.c.do(ctx, idempotent, command, args...)
}

// Get returns a string's value; found is false if there is none.
func (r *Redis) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	return r.get(ctx, key)
}

// MGet returns the values of keys; nil for those that don't exist.
func (r *Redis) MGet(ctx context.Context, keys ...string) ([][]byte, error) { return r.mget(ctx, keys) }

// Set writes a string; ttl 0 means no expiry.
func (r *Redis) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return r.set(ctx, key, value, ttl)
}

// Del deletes keys and returns how many there were.
func (r *Redis) Del(ctx context.Context, keys ...string) (int, error) { return r.del(ctx, keys) }

// Expire sets a key's time to live.
func (r *Redis) Expire(ctx context.Context, key string, ttl time.Duration) error {
	return r.expire(ctx, key, ttl)
}

// StoreResult writes a task's meta and publishes it on the channel of the same name, unless the stored meta
// says SUCCESS already: stored is false then. One script, so a client that has subscribed before it reads
// misses nothing; receivers is how many had. ttl 0 means no expiry.
func (r *Redis) StoreResult(ctx context.Context, key string, value []byte, ttl time.Duration) (receivers int, stored bool, err error) {
	return r.storeResult(ctx, key, value, ttl)
}

// Publish publishes raw bytes on a channel and returns the number of receivers.
func (r *Redis) Publish(ctx context.Context, channel string, data []byte) (int, error) {
	return r.publish(ctx, channel, data)
}

// ChannelMessage is a message received on a plain channel. Reset means that the connection was lost and
// has come back with all channels subscribed again: what was published meanwhile is lost, read the
// keys again.
type ChannelMessage struct {
	Channel string
	Data    []byte
	Reset   bool
}

// Listen opens a subscription to plain channels (the result backend's), at first to none.
func (r *Redis) Listen(ctx context.Context) (*Listener, error) { return r.listen(ctx) }

// Messages is the channel of messages; closed after Close.
func (l *Listener) Messages() <-chan ChannelMessage { return l.out }

// Subscribe adds channels and waits until the server has confirmed them.
func (l *Listener) Subscribe(ctx context.Context, channels ...string) error {
	return l.subscribe(ctx, channels)
}

// Unsubscribe removes channels.
func (l *Listener) Unsubscribe(ctx context.Context, channels ...string) error {
	return l.unsubscribe(ctx, channels)
}

// Close ends the subscription.
func (l *Listener) Close() error { return l.close() }
