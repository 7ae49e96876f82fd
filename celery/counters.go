package celery

import "sync/atomic"

// Counters are what a worker has counted since its start, for metrics.
type Counters struct {
	Reconnects    int64 // times that the consumer's connection to the broker came back
	EventsDropped int64 // events that did not reach the broker, because it was slow or away
	TakenOver     int64 // messages that other workers took over, because this one seemed dead
}

// workerCounters is where they are kept; all of it may be read at any time.
type workerCounters struct {
	connections atomic.Int64 // of the consumer to the broker, one after the other
	takenOver   atomic.Int64
	events      atomic.Pointer[dispatcher] // nil before the worker has started
}

// Counters may be called at any time, before and while the worker runs and after.
func (w *Worker) Counters() Counters {
	c := Counters{Reconnects: max(0, w.counters.connections.Load()-1), TakenOver: w.counters.takenOver.Load()}
	if d := w.counters.events.Load(); d != nil {
		c.EventsDropped = int64(d.dropped.Load())
	}
	return c
}
