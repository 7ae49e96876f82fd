package celery

import (
	"context"
	"sync"
	"time"
)

const (
	scaleInterval  = time.Second
	scaleKeepalive = 30 * time.Second // how long spare slots are kept
)

// scaler is the loop that fits the pool to its load: it grows at once, up to max, and shrinks down to min after the
// spare slots have been idle for a while.
type scaler struct {
	worker *Worker

	mu       sync.Mutex
	max, min int
	idle     time.Time // since when fewer slots would do; zero: they would not
}

func newScaler(w *Worker, max, min int) *scaler { return &scaler{worker: w, max: max, min: min} }

// Run looks at the load every second.
func (s *scaler) Run(ctx context.Context) error {
	for {
		timer, stop := s.worker.app.clock.Timer(scaleInterval)
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-timer:
			s.scale()
		}
	}
}

func (s *scaler) scale() {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.worker
	queued, busy := w.pool.load()
	have, need := w.pool.size(), min(s.max, queued+busy)
	now := w.app.clock.Now()
	switch {
	case need > have:
		w.log.infof("Scaling up %d processes.", need-have)
		w.resizePool(need)
		s.idle = time.Time{}
	case need < have && have > s.min:
		if s.idle.IsZero() {
			s.idle = now
		}
		if now.Sub(s.idle) >= scaleKeepalive {
			to := max(need, s.min)
			w.log.infof("Scaling down %d processes.", have-to)
			w.resizePool(to)
			s.idle = time.Time{}
		}
	default:
		s.idle = time.Time{}
	}
}

// update changes the limits; negative leaves one as it is.
func (s *scaler) update(high, low int) (int, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if high >= 0 {
		s.max = min(high, 10_000)
	}
	if low >= 0 {
		s.min = min(low, s.max)
	}
	s.min = min(s.min, s.max)
	w := s.worker
	if n := w.pool.size(); n > s.max {
		w.resizePool(s.max)
	} else if n < s.min {
		w.resizePool(s.min)
	}
	return s.max, s.min
}

func (s *scaler) info() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	queued, busy := s.worker.pool.load()
	return map[string]any{"max": s.max, "min": s.min, "current": s.worker.pool.size(), "qty": queued + busy}
}
