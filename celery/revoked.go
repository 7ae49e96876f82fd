package celery

import (
	"container/list"
	"strings"
	"sync"
	"time"
)

// Celery's limits for the set of revoked ids.
const (
	maxRevoked    = 50_000
	revokedExpiry = 10_800 * time.Second
)

// limitedSet remembers ids for a while, the oldest forgotten first.
type limitedSet struct {
	mu     sync.Mutex
	max    int
	expire time.Duration
	now    func() time.Time
	index  map[string]*list.Element
	order  list.List // of limitedItem, oldest first
}

type limitedItem struct {
	id string
	at time.Time
}

func newLimitedSet(max int, expire time.Duration, now func() time.Time) *limitedSet {
	return &limitedSet{max: max, expire: expire, now: now, index: map[string]*list.Element{}}
}

// add puts an id into the set, as its newest.
func (s *limitedSet) add(id string) { s.addAt(id, s.now()) }

func (s *limitedSet) addAt(id string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.index[id]; ok {
		s.order.Remove(e)
	}
	id = strings.Clone(id) // it may be a part of a whole message
	s.index[id] = s.order.PushBack(limitedItem{id, at})
	s.purge()
}

// contains reports whether the id is in the set. It costs a lock and one lookup.
func (s *limitedSet) contains(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.index[id]
	return ok && s.now().Sub(e.Value.(limitedItem).at) < s.expire
}

func (s *limitedSet) purge() {
	limit := s.now().Add(-s.expire)
	for e := s.order.Front(); e != nil; e = s.order.Front() {
		it := e.Value.(limitedItem)
		if len(s.index) <= s.max && it.at.After(limit) {
			return
		}
		s.order.Remove(e)
		delete(s.index, it.id)
	}
}

// list returns the ids, oldest first.
func (s *limitedSet) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purge()
	ids := make([]string, 0, len(s.index))
	for e := s.order.Front(); e != nil; e = e.Next() {
		ids = append(ids, e.Value.(limitedItem).id)
	}
	return ids
}
