package celery

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"healpipe/celery/kombu"
)

// workerState is what the worker knows of its requests: those that wait or run, and what has been revoked.
type workerState struct {
	revoked   *limitedSet
	processed atomic.Int64

	mu       sync.Mutex
	requests map[string]*Request
	active   int
	stamps   map[string][]any // revoked stamped headers

	successful *limitedSet // ids that succeeded here, for worker_deduplicate_successful_tasks
}

func newWorkerState(c Clock) *workerState {
	return &workerState{
		revoked:    newLimitedSet(maxRevoked, revokedExpiry, c.Now),
		successful: newLimitedSet(1000, revokedExpiry, c.Now),
		requests:   map[string]*Request{},
		stamps:     map[string][]any{},
	}
}

// hold keeps a request in view in the given phase.
func (s *workerState) hold(r *Request, p phase) {
	s.mu.Lock()
	s.requests[r.ID] = r
	s.mu.Unlock()
	r.setPhase(p)
}

// drop forgets a request that is done or given back.
func (s *workerState) drop(r *Request) {
	s.mu.Lock()
	if s.requests[r.ID] == r {
		delete(s.requests, r.ID)
	}
	s.mu.Unlock()
}

// find finds a request that waits for a slot or runs.
func (s *workerState) find(id string) *Request {
	s.mu.Lock()
	r := s.requests[id]
	s.mu.Unlock()
	if r == nil || r.getPhase() == received {
		return nil
	}
	return r
}

// holding finds the request of a delivery.
func (s *workerState) holding(d *kombu.Delivery) *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r.delivery == d {
			return r
		}
	}
	return nil
}

func (s *workerState) activeCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

func (s *workerState) countActive(n int) {
	s.mu.Lock()
	s.active += n
	s.mu.Unlock()
}

// in lists the requests of a phase, ordered by id so that replies are stable.
func (s *workerState) in(p phase) []*Request {
	s.mu.Lock()
	all := make([]*Request, 0, len(s.requests))
	for _, r := range s.requests {
		all = append(all, r)
	}
	s.mu.Unlock()
	all = slices.DeleteFunc(all, func(r *Request) bool { return r.getPhase() != p })
	slices.SortFunc(all, func(a, b *Request) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// running reports whether the function of a task runs; one that has returned may still wait for the broker.
func (s *workerState) running() bool {
	return slices.ContainsFunc(s.in(active), func(r *Request) bool { return !r.settled.Load() })
}

// revokeStamps marks stamped headers as revoked.
func (s *workerState) revokeStamps(header string, values []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stamps[header] = append(s.stamps[header], values...)
}

// stampRevoked returns the first revoked stamp that the request carries.
func (s *workerState) stampRevoked(r *Request) (header string, value any, ok bool) {
	if len(r.Stamps) == 0 {
		return "", nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for h, v := range r.Stamps {
		for _, have := range maybeList(v) {
			for _, bad := range s.stamps[h] {
				if reflect.DeepEqual(have, bad) {
					return h, have, true
				}
			}
		}
	}
	return "", nil, false
}

// maybeList makes a list of a single value.
func maybeList(v any) []any {
	switch x := v.(type) {
	case nil:
		return nil
	case []any:
		return x
	}
	return []any{v}
}
