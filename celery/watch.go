package celery

import (
	"context"
	"reflect"
	"sync"

	"healpipe/celery/kombu"
)

// watcher waits for results by subscription: one connection for all that are waited for, each on the channel of its
// key. After a lost connection every key is read again, since what was published meanwhile is gone.
type watcher struct {
	b *redisBackend

	mu      sync.Mutex
	l       *kombu.Listener
	waiting map[string]map[chan []byte]bool // by key; nil bytes mean "read again"
	done    chan struct{}
}

// wait returns the final state of a task.
func (w *watcher) wait(ctx context.Context, id string, seen func(map[string]any)) (map[string]any, error) {
	key := w.b.taskKey(id)
	ch, err := w.add(ctx, key)
	if err != nil {
		return nil, err
	}
	defer w.remove(key, ch)
	seen = withoutRepeats(seen)
	for again := true; ; {
		if again {
			meta, err := w.b.get(ctx, id)
			if err != nil {
				return nil, err
			}
			seen(meta)
			if ReadyState(fields(meta).str("status")) {
				return meta, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case data, ok := <-ch:
			if !ok {
				return nil, kombu.ErrClosed
			}
			if again = data == nil; again {
				continue
			}
			meta, err := w.b.meta(id, data)
			if err != nil {
				return nil, err
			}
			seen(meta)
			if ReadyState(fields(meta).str("status")) {
				return meta, nil
			}
		}
	}
}

// withoutRepeats calls seen once for a state that was read and also published.
func withoutRepeats(seen func(map[string]any)) func(map[string]any) {
	var last map[string]any
	return func(meta map[string]any) {
		if seen == nil || meta == nil || reflect.DeepEqual(meta, last) {
			return
		}
		last = meta
		seen(meta)
	}
}

func (w *watcher) add(ctx context.Context, key string) (chan []byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.l == nil {
		l, err := w.b.redis.Listen(ctx)
		if err != nil {
			return nil, err
		}
		w.l, w.waiting, w.done = l, map[string]map[chan []byte]bool{}, make(chan struct{})
		go w.run(l)
	}
	ch := make(chan []byte, 16)
	if w.waiting[key] == nil {
		w.waiting[key] = map[chan []byte]bool{}
		if err := w.l.Subscribe(ctx, key); err != nil {
			delete(w.waiting, key)
			return nil, err
		}
	}
	w.waiting[key][ch] = true
	return ch, nil
}

func (w *watcher) remove(key string, ch chan []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting[key], ch)
	if len(w.waiting[key]) == 0 && w.waiting[key] != nil {
		delete(w.waiting, key)
		ctx, cancel := context.WithTimeout(context.Background(), replyTimeout)
		defer cancel()
		_ = w.l.Unsubscribe(ctx, key) // a channel too many does no harm
	}
}

// run hands messages to those who wait for them.
func (w *watcher) run(l *kombu.Listener) {
	defer close(w.done)
	for m := range l.Messages() {
		w.mu.Lock()
		if m.Reset {
			for _, chans := range w.waiting {
				tell(chans, nil)
			}
		} else {
			tell(w.waiting[m.Channel], m.Data)
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, chans := range w.waiting {
		for ch := range chans {
			close(ch)
		}
	}
	w.waiting = map[string]map[chan []byte]bool{}
}

// tell never blocks: who has sixteen states unread is told to read the key.
func tell(chans map[chan []byte]bool, data []byte) {
	for ch := range chans {
		select {
		case ch <- data:
		default:
			select {
			case <-ch:
			default:
			}
			select {
			case ch <- nil:
			default:
			}
		}
	}
}

func (w *watcher) close() error {
	w.mu.Lock()
	l, done := w.l, w.done
	w.mu.Unlock()
	if l == nil {
		return nil
	}
	err := l.Close()
	<-done
	return err
}
