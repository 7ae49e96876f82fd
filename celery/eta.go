package celery

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// scheduler is the loop that holds tasks until their time: a heap and one timer, so that a hundred thousand waiting
// tasks cost memory but no work.
type scheduler struct {
	clock Clock
	fire  func(*Request) // called on the loop's goroutine when a task is due

	mu   sync.Mutex
	heap etaHeap
	seq  uint64
	wake chan struct{}
}

func newScheduler(clock Clock, fire func(*Request)) *scheduler {
	return &scheduler{clock: clock, fire: fire, wake: make(chan struct{}, 1)}
}

// add schedules a task. Times in the past fire at once, in order.
func (s *scheduler) add(at time.Time, r *Request) {
	s.mu.Lock()
	s.seq++
	e := &etaEntry{at: at, seq: s.seq, req: r}
	heap.Push(&s.heap, e)
	first := s.heap[0] == e
	s.mu.Unlock()
	if first {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Run fires tasks as they come due until the context ends.
func (s *scheduler) Run(ctx context.Context) error {
	for {
		var timer <-chan time.Time
		var stop func() bool
		if wait, ok := s.next(); ok {
			timer, stop = s.clock.Timer(wait)
		}
		select {
		case <-ctx.Done():
			if stop != nil {
				stop()
			}
			return nil
		case <-s.wake:
			if stop != nil {
				stop()
			}
		case <-timer:
		}
		for _, r := range s.due() {
			s.fire(r)
		}
	}
}

// next returns how long the first task still has to wait.
func (s *scheduler) next() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heap) == 0 {
		return 0, false
	}
	return max(0, s.heap[0].at.Sub(s.clock.Now())), true
}

func (s *scheduler) due() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	var out []*Request
	for len(s.heap) > 0 && !s.heap[0].at.After(now) {
		out = append(out, heap.Pop(&s.heap).(*etaEntry).req)
	}
	return out
}

// drain empties the heap and returns what was in it.
func (s *scheduler) drain() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Request, 0, len(s.heap))
	for len(s.heap) > 0 {
		out = append(out, heap.Pop(&s.heap).(*etaEntry).req)
	}
	return out
}

// snapshot lists what waits, in no order, with its times.
func (s *scheduler) snapshot() []etaEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]etaEntry, len(s.heap))
	for i, e := range s.heap {
		out[i] = *e
	}
	return out
}

type etaEntry struct {
	at  time.Time
	seq uint64 // keeps equal times in the order of arrival
	req *Request
}

type etaHeap []*etaEntry

func (h etaHeap) Len() int { return len(h) }
func (h etaHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h etaHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *etaHeap) Push(x any)   { *h = append(*h, x.(*etaEntry)) }
func (h *etaHeap) Pop() any {
	old := *h
	n := len(old) - 1
	x := old[n]
	old[n] = nil
	*h = old[:n]
	return x
}
