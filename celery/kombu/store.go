package kombu

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

func (r *Redis) get(ctx context.Context, key string) ([]byte, bool, error) {
	b, err := redis.Bytes(r.c.do(ctx, true, "GET", key))
	switch {
	case errors.Is(err, redis.ErrNil):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("GET %s: %w", key, err)
	}
	return b, true, nil
}

func (r *Redis) mget(ctx context.Context, keys []string) ([][]byte, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	b, err := redis.ByteSlices(r.c.do(ctx, true, "MGET", texts(keys)...))
	if err != nil {
		return nil, fmt.Errorf("MGET of %d keys: %w", len(keys), err)
	}
	return b, nil
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func (r *Redis) set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	args := []any{key, value}
	if ttl > 0 {
		args = append(args, "PX", max(ttl.Milliseconds(), 1))
	}
	if _, err := r.c.do(ctx, true, "SET", args...); err != nil {
		return fmt.Errorf("SET %s: %w", key, err)
	}
	return nil
}

func (r *Redis) del(ctx context.Context, keys []string) (int, error) {
	if len(keys) == 0 {
		return 0, nil
	}
	n, err := redis.Int(r.c.do(ctx, true, "DEL", texts(keys)...))
	if err != nil {
		return 0, fmt.Errorf("DEL of %d keys: %w", len(keys), err)
	}
	return n, nil
}

func (r *Redis) expire(ctx context.Context, key string, ttl time.Duration) error {
	if _, err := r.c.do(ctx, true, "PEXPIRE", key, ttl.Milliseconds()); err != nil {
		return fmt.Errorf("PEXPIRE %s: %w", key, err)
	}
	return nil
}

func (r *Redis) storeResult(ctx context.Context, key string, value []byte, ttl time.Duration) (int, bool, error) {
	seconds := int64((ttl + time.Second - 1) / time.Second)
	n, err := redis.Int(r.c.eval(ctx, resultScript, []string{key}, value, seconds))
	if err != nil {
		return 0, false, fmt.Errorf("store %s: %w", key, err)
	}
	return max(0, n), n >= 0, nil
}

func (r *Redis) publish(ctx context.Context, channel string, data []byte) (int, error) {
	n, err := redis.Int(r.c.do(ctx, false, "PUBLISH", channel, data))
	if err != nil {
		return 0, fmt.Errorf("PUBLISH %s: %w", channel, err)
	}
	return n, nil
}

// Listener is a subscription to plain channels. It is safe for concurrent use.
type Listener struct {
	c      *Connection
	l      listening
	out    chan ChannelMessage
	closed chan struct{}
	once   sync.Once
	lost   bool // only the listening goroutine uses it
}

func (r *Redis) listen(ctx context.Context) (*Listener, error) {
	l := &Listener{c: r.c, out: make(chan ChannelMessage, 256), closed: make(chan struct{})}
	l.l = listening{
		open: r.c.dial.openForever, report: r.c.reporter("listener"),
		message: func(channel string, data []byte) { l.send(ChannelMessage{Channel: channel, Data: data}) },
		state: func(up bool) {
			if up && l.lost {
				l.send(ChannelMessage{Reset: true})
			}
			l.lost = !up
		},
	}
	if err := r.c.attach(l); err != nil {
		return nil, err
	}
	l.l.start()
	if err := l.l.add(ctx, nil); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// send waits for the reader: a result must not be dropped. Meanwhile the server buffers.
func (l *Listener) send(m ChannelMessage) {
	select {
	case l.out <- m:
	case <-l.closed:
	}
}

func (l *Listener) subscribe(ctx context.Context, channels []string) error {
	return l.l.add(ctx, channels)
}

func (l *Listener) unsubscribe(ctx context.Context, channels []string) error {
	return l.l.remove(ctx, channels)
}

func (l *Listener) close() error {
	l.once.Do(func() {
		close(l.closed)
		l.l.close()
		l.c.detach(l)
		close(l.out)
	})
	return nil
}
