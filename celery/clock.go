package celery

import (
	"sync/atomic"
	"time"
)

// Clock tells the time and wakes sleepers. Tests put their own in its place.
type Clock interface {
	Now() time.Time
	// Timer returns a channel that receives once after d, and a function that releases the timer.
	Timer(d time.Duration) (<-chan time.Time, func() bool)
	// AfterFunc calls f in a goroutine of its own after d, unless it is stopped before.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) Timer(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}

func (realClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// lamport is the logical clock that every event and control message carries.
type lamport struct{ n atomic.Int64 }

// forward counts one step and returns the new value.
func (l *lamport) forward() int64 { return l.n.Add(1) }

// adjust moves past a clock seen in a message.
func (l *lamport) adjust(other int64) int64 {
	for {
		own := l.n.Load()
		next := max(own, other) + 1
		if l.n.CompareAndSwap(own, next) {
			return next
		}
	}
}

func (l *lamport) value() int64 { return l.n.Load() }

// epoch is a time as Python's time.time gives it.
func epoch(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
