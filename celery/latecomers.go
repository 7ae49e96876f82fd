package celery

import (
	"context"
	"sync"
	"time"
)

// latecomers publishes final states once more for clients that subscribed a moment too late. Celery's client sends
// SUBSCRIBE on one connection and GET on another without waiting for the former's confirmation. The server may serve
// them in the other order; a result that is stored in between then reaches the client by neither, and its get() waits
// for ever. So the channels of results that nobody was listening to are looked at again, once, a moment later. For a
// busy worker that is one command in latecomersDelay, for an idle one none.
type latecomers struct {
	b *redisBackend

	mu     sync.Mutex
	young  []string // keys of results stored since the last round
	old    []string // those of the time before, next to be looked at
	stop   func() bool
	closed bool
	rounds sync.WaitGroup
}

const (
	latecomersDelay = 100 * time.Millisecond
	latecomersChunk = 1000        // channels asked for in one command
	latecomersLast  = time.Second // for the last round, which holds up the worker's end
)

// expect has the channel of a result looked at once that the delay has passed, before it has passed twice.
func (l *latecomers) expect(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.young = append(l.young, key)
	l.arm()
}

// arm starts the timer. l.mu is held.
func (l *latecomers) arm() {
	if l.stop != nil || l.closed || len(l.young)+len(l.old) == 0 {
		return
	}
	l.rounds.Add(1)
	l.stop = l.b.app.clock.AfterFunc(latecomersDelay, func() {
		defer l.rounds.Done()
		l.mu.Lock()
		due := l.old
		l.old, l.young = l.young, nil
		l.mu.Unlock()
		l.serve(due, replyTimeout)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stop = nil
		l.arm()
	})
}

// serve publishes those results again that have a listener by now.
func (l *latecomers) serve(keys []string, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for len(keys) > 0 {
		n := min(len(keys), latecomersChunk)
		args := make([]any, 1, n+1)
		args[0] = "NUMSUB"
		for _, k := range keys[:n] {
			args = append(args, k)
		}
		keys = keys[n:]
		reply, err := l.b.redis.Do(ctx, true, "PUBSUB", args...)
		if err != nil {
			return // the broker is away, and so is the client, who reads again after reconnecting
		}
		pairs, _ := reply.([]any) // channel, number of subscribers, ...
		for i := 0; i+1 < len(pairs); i += 2 {
			if subscribers, _ := pairs[i+1].(int64); subscribers == 0 {
				continue
			}
			key, _ := pairs[i].([]byte)
			if data, found, err := l.b.redis.Get(ctx, string(key)); err == nil && found {
				_, _ = l.b.redis.Publish(ctx, string(key), data)
			}
		}
	}
}

// close looks at what is left at once and ends.
func (l *latecomers) close() {
	l.mu.Lock()
	l.closed = true
	if l.stop != nil && l.stop() {
		l.rounds.Done()
	}
	l.mu.Unlock()
	l.rounds.Wait()
	l.serve(append(l.old, l.young...), latecomersLast)
}
