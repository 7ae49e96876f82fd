package celery

import (
	"container/heap"
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Trimming: after a burst of tasks to wait for, the memory that decoding them took goes back to the system.
const (
	trimEvery = 1000            // tasks between two looks
	trimAbove = 10_000          // waiting tasks; fewer are not worth a collection
	trimQuiet = 2 * time.Second // without that many more tasks
)

// scheduler is the loop that holds tasks until their time: a heap and one timer, so that a hundred thousand waiting
// tasks cost memory but no work.
type scheduler struct {
	clock Clock
	fire  func(*parked) // called on the loop's goroutine when a task is due

	mu       sync.Mutex
	heap     etaHeap
	ids      map[string]*parked
	seq      uint64
	wake     chan struct{}
	stopTrim func() bool
}

func newScheduler(clock Clock, fire func(*parked)) *scheduler {
	return &scheduler{clock: clock, fire: fire, ids: map[string]*parked{}, wake: make(chan struct{}, 1)}
}

// add schedules a task. Times in the past fire at once, in order.
func (s *scheduler) add(e *parked) {
	s.mu.Lock()
	s.seq++
	e.seq = s.seq
	s.ids[e.id] = e
	heap.Push(&s.heap, e)
	first := s.heap[0] == e
	if len(s.heap) >= trimAbove && s.seq%trimEvery == 0 {
		if s.stopTrim != nil {
			s.stopTrim()
		}
		s.stopTrim = s.clock.AfterFunc(trimQuiet, debug.FreeOSMemory)
	}
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
		for _, e := range s.due() {
			s.fire(e)
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

func (s *scheduler) due() []*parked {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	var out []*parked
	for len(s.heap) > 0 && !s.heap[0].at.After(now) {
		out = append(out, s.pop())
	}
	return out
}

// pop takes the first task. s.mu is held.
func (s *scheduler) pop() *parked {
	e := heap.Pop(&s.heap).(*parked)
	if s.ids[e.id] == e {
		delete(s.ids, e.id)
	}
	return e
}

// find returns a waiting task by its id, or nil.
func (s *scheduler) find(id string) *parked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[id]
}

// drain empties the heap and returns what was in it.
func (s *scheduler) drain() []*parked {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopTrim != nil {
		s.stopTrim()
	}
	out := make([]*parked, 0, len(s.heap))
	for len(s.heap) > 0 {
		out = append(out, s.pop())
	}
	return out
}

// snapshot lists what waits, in no order.
func (s *scheduler) snapshot() []*parked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.heap)
}

type etaHeap []*parked

func (h etaHeap) Len() int { return len(h) }
func (h etaHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h etaHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *etaHeap) Push(x any)   { *h = append(*h, x.(*parked)) }
func (h *etaHeap) Pop() any {
	old := *h
	n := len(old) - 1
	x := old[n]
	old[n] = nil
	*h = old[:n]
	return x
}
