package celery

import (
	"context"
	"time"

	"healpipe/celery/internal/pyrepr"
)

// armLimits starts the clocks of a task's time limits; the message's limits win over the task's. At the soft limit the
// task's context ends with ErrSoftTimeLimit. At the hard limit the task has failed: a goroutine cannot be killed, so it
// loses its slot, its outcome no longer counts, and what it still does is its own affair.
func (w *Worker) armLimits(r *Request, cancel context.CancelCauseFunc) (stop func()) {
	hard, soft := r.task.limits()
	optional := hard <= 0 && r.hard <= 0
	if hard <= 0 {
		hard = w.opts.TimeLimit
	}
	if soft <= 0 {
		soft = w.opts.SoftTimeLimit
	}
	if r.hard > 0 {
		hard = r.hard
	}
	if r.soft > 0 {
		soft = r.soft
	}
	if hard <= 0 && soft <= 0 {
		return func() {}
	}
	var stops []func() bool
	if soft > 0 {
		stops = append(stops, w.app.clock.AfterFunc(soft, func() {
			w.log.warnf("Soft time limit (%ss) exceeded for %s[%s]", pyrepr.Float(soft.Seconds()), r.Name, r.ID)
			cancel(ErrSoftTimeLimit)
		}))
	}
	if hard > 0 {
		stops = append(stops, w.app.clock.AfterFunc(hard, func() {
			err := errTimeLimit(wholeSeconds(hard))
			if optional {
				err = errTimeLimit(hard.Seconds()) // --time-limit is a float in Python
			}
			w.hardLimit(r, hard, err)
		}))
	}
	return func() {
		for _, s := range stops {
			s()
		}
	}
}

// hardLimit fails a task that has run too long and gives its slot away.
func (w *Worker) hardLimit(r *Request, limit time.Duration, err error) {
	if !r.settled.CompareAndSwap(false, true) {
		return
	}
	w.log.errorf("Hard time limit (%ss) exceeded for %s[%s]", pyrepr.Float(limit.Seconds()), r.Name, r.ID)
	r.stopWith(err)
	w.failed(w.io, r, err, "", r.traceback(err)) // Celery's pool, not the task, is what fails: no traceback is stored
	if r.task.acksLate {
		if r.task.acksOnTimeout {
			r.ack()
		} else {
			w.rejectLate(r, true)
		}
	}
	w.done(r)
	w.pool.abandon()
}

// stopWith ends the context of a running task.
func (r *Request) stopWith(cause error) {
	r.mu.Lock()
	cancel := r.cancel
	r.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
}

// terminateTask ends a task by remote control: a running one loses its slot, a waiting one ends as soon as it starts.
func (w *Worker) terminateTask(r *Request, signum int) {
	r.mu.Lock()
	running := r.phase == active
	if !running {
		r.terminate = &signum
	}
	r.mu.Unlock()
	if !running || !r.settled.CompareAndSwap(false, true) {
		return
	}
	r.stopWith(errRevoked("terminated"))
	w.announceRevoked(w.io, r, "terminated", true, signum, false)
	w.pool.abandon()
}

// cancelActive is the cold shutdown's end of the running tasks: those acknowledged late stay unacknowledged and are
// given back, the others are lost and say so.
func (w *Worker) cancelActive() {
	ctx, cancel := context.WithTimeout(w.io, coldGrace)
	defer cancel()
	for _, r := range w.state.in(active) {
		if !r.settled.CompareAndSwap(false, true) {
			continue
		}
		r.stopWith(errShutdown)
		w.taskEvent(r, "task-cancelled", field{"uuid", r.ID})
		if !r.task.acksLate {
			w.store(ctx, r, outcome{state: StateRetry, err: &Retry{Reason: "cancelled by Celery"}})
		}
		w.done(r)
		w.pool.abandon()
	}
}
